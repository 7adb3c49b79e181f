//! `pipe init`: a pipeline to begin with, in a folder that has none.

mod own_data;

use crate::cli::options::WorkerArguments;
use crate::error::{Error, Result};
use crate::key::{LONGEST_NAME, is_plain};
use crate::terminal::print_line;
use crate::worker;
use clap::{Args, ValueHint};
use fs_err as fs;
use own_data::OwnData;
use std::path::{Path, PathBuf};

const PIPELINE: &str = include_str!("sample.toml");
const README: &str = include_str!("README.md");

/// What git leaves alone.
const IGNORED: &str = "/artifacts/\n";

/// The name of the pipeline of the made-up shop, as the file has it.
const FIRST: &str = "first";

/// Write a pipeline to begin with and a README; files that are there are never overwritten.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder, which is made if it is not there; this one when not given.
    #[arg(value_name = "FOLDER", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
    /// Files of interactions of your own, such as a CSV of user, item and time; without it the pipeline makes up a shop.
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub(super) from: Vec<PathBuf>,
    /// Files of the items' titles and descriptions.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "from", value_hint = ValueHint::AnyPath)]
    pub(super) metadata: Vec<PathBuf>,
    /// Set a parameter of ingest in the new pipeline: PARAMETER=VALUE.
    #[arg(long = "set", value_name = "PARAMETER=VALUE", requires = "from")]
    pub(super) settings: Vec<String>,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
}

/// Writes the files.
///
/// # Errors
/// [`Error::Usage`] when one of them is there; what is wrong with files of one's own. Nothing is written then.
pub(super) fn init(arguments: &InitArguments) -> Result<()> {
    let folder = &arguments.folder;
    let full = std::path::absolute(folder).map_err(|error| Error::io("reading", folder, error))?;
    let name = if arguments.from.is_empty() { FIRST.to_owned() } else { name_of(&full) };
    let names = [format!("{name}.toml"), "README.md".to_owned(), ".gitignore".to_owned()];
    refuse_existing(folder, &names)?;
    let (pipeline, title) = if arguments.from.is_empty() {
        (PIPELINE.to_owned(), "A first pipeline".to_owned())
    } else {
        let worker = worker::find(arguments.worker.worker.clone())?;
        let InitArguments { from: files, metadata, settings, .. } = arguments;
        let data = OwnData { files, metadata, settings, worker: &worker };
        (own_data::pipeline(&data, &full, &name)?, name.clone())
    };
    let texts = [pipeline, README.replace("{title}", &title).replace("{name}", &name), IGNORED.to_owned()];
    fs::create_dir_all(folder).map_err(|error| Error::io("writing", folder, error))?;
    for (name, text) in names.iter().zip(texts) {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Error::io("writing", &path, error))?;
        print_line(format!("wrote {}", path.display()));
    }
    let step = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    print_line(format!("next: {step}pipe run {name}"));
    Ok(())
}

/// A pipeline named as its folder, with `-` for what a name may not have.
fn name_of(folder: &Path) -> String {
    let folder = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() || "-_".contains(letter) { letter } else { '-' };
    let name: String = folder.chars().map(allowed).take(LONGEST_NAME).collect();
    if is_plain(&name) { name } else { FIRST.to_owned() }
}

/// Files that are there are somebody's work.
fn refuse_existing(folder: &Path, names: &[String]) -> Result<()> {
    let there: Vec<&str> = names.iter().map(String::as_str).filter(|name| folder.join(name).exists()).collect();
    if there.is_empty() {
        return Ok(());
    }
    let message = format!("{} has {} already, and nothing was written", folder.display(), there.join(", "));
    Err(Error::Usage { message, hint: Some("name a new folder: pipe init FOLDER".to_owned()) })
}
