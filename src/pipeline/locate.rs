//! Finding the file that a user means by `games`, `games.toml` or a path, and the project that it belongs to.

use crate::error::{Error, Result};
use crate::key::did_you_mean;
use crate::pipeline::discover::discover;
use std::path::{Path, PathBuf};

/// A pipeline file and its project.
#[derive(Clone, Debug)]
pub struct Located {
    /// The file.
    pub file: PathBuf,
    /// The file as it is shown to the user.
    pub shown: PathBuf,
    /// The project's folder: the one that holds `pipelines/`, or the file's own. The store is beneath it.
    pub project: PathBuf,
}

/// Finds a pipeline: the path as it is, with `.toml`, then in a folder `pipelines` here or in any folder above, then in a
/// folder of the same name, as `pipe init NAME --from FILE` makes it.
pub fn locate(asked: &str) -> Result<Located> {
    let here = std::env::current_dir().map_err(|error| Error::io("reading", Path::new("."), error))?;
    let named = if asked.ends_with(".toml") { asked.to_owned() } else { format!("{asked}.toml") };
    let mut looked = vec![PathBuf::from(&named)];
    looked.extend(here.ancestors().map(|folder| folder.join("pipelines").join(&named)));
    if let Some(name) = Path::new(&named).file_name() {
        looked.push(Path::new(asked).join(name));
    }
    match looked.iter().find(|path| path.is_file()) {
        Some(found) => Ok(located(&here, found)),
        None => {
            looked.truncate(2);
            let names: Vec<String> = discover().into_iter().map(|found| found.name).collect();
            let near = did_you_mean(asked.trim_end_matches(".toml"), names.iter().map(String::as_str));
            Err(Error::PipelineNotFound { asked: asked.to_owned(), looked, near })
        }
    }
}

/// The project's folder when no pipeline is named: the nearest, here or above, that has `pipelines/` or `artifacts/` in it,
/// or else this one.
pub fn project() -> Result<PathBuf> {
    let here = std::env::current_dir().map_err(|error| Error::io("reading", Path::new("."), error))?;
    let is_project = |folder: &&Path| ["pipelines", "artifacts"].iter().any(|name| folder.join(name).is_dir());
    Ok(here.ancestors().find(is_project).unwrap_or(&here).to_owned())
}

fn located(here: &Path, found: &Path) -> Located {
    let file = here.join(found);
    let folder = file.parent().unwrap_or(here);
    let project = folder
        .ancestors()
        .find(|ancestor| ancestor.file_name().is_some_and(|name| name == "pipelines"))
        .and_then(Path::parent)
        .unwrap_or(folder)
        .to_owned();
    let shown = file.strip_prefix(here).unwrap_or(&file).to_owned();
    Located { file, shown, project }
}
