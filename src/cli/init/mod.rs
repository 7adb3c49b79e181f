//! `pipe init`: a pipeline to begin with, in a folder that has none.

use crate::error::{Error, Result};
use crate::terminal::print_line;
use clap::{Args, ValueHint};
use fs_err as fs;
use std::path::{Path, PathBuf};

const PIPELINE: &str = include_str!("sample.toml");
const README: &str = include_str!("README.md");

/// What git leaves alone.
const IGNORED: &str = "/artifacts/\n";

/// The name of the pipeline, as the file has it.
const NAME: &str = "first";

/// Write a pipeline to begin with and a README; files that are there are never overwritten.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder, which is made if it is not there; this one when not given.
    #[arg(value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
}

/// Writes the files.
///
/// # Errors
/// [`Error::Usage`] when one of them is there, before anything is written.
pub(super) fn init(arguments: &InitArguments) -> Result<()> {
    let folder = &arguments.folder;
    let files = [
        (format!("{NAME}.toml"), PIPELINE.to_owned()),
        ("README.md".to_owned(), README.replace("{title}", "A first pipeline").replace("{name}", NAME)),
        (".gitignore".to_owned(), IGNORED.to_owned()),
    ];
    refuse_existing(folder, files.iter().map(|(name, _)| name.as_str()))?;
    fs::create_dir_all(folder).map_err(|error| Error::io("writing", folder, error))?;
    for (name, text) in &files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Error::io("writing", &path, error))?;
        print_line(format!("wrote {}", path.display()));
    }
    let step = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    print_line(format!("next: {step}pipe run {NAME}"));
    Ok(())
}

/// Files that are there are somebody's work.
fn refuse_existing<'a>(folder: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let there: Vec<&str> = names.filter(|name| folder.join(name).exists()).collect();
    if there.is_empty() {
        return Ok(());
    }
    let message = format!("{} has {} already, and nothing was written", folder.display(), there.join(", "));
    Err(Error::Usage { message, hint: Some("name a new folder: pipe init FOLDER".to_owned()) })
}
