//! A tuned model as one plain folder, for `pipe export merged`.

use contract::questions::{Merge, Merged};
use contract::{Failure, Result};
use std::path::Path;

/// Writes the folder whole or not at all: beside its place first. Says how large it is, and whether an adapter was merged.
///
/// # Errors
/// When base and adapter do not fit, or the folder cannot be written.
pub(crate) fn answer(request: &Merge) -> Result<Merged> {
    let output = &request.output;
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| Failure::writing(parent, error))?;
    let place = tempfile::Builder::new()
        .prefix(".merged-")
        .tempdir_in(parent)
        .map_err(|error| Failure::writing(parent, error))?;
    let is_adapter = nn::write_merged(request.stage.input("llm")?, request.stage.output("model")?, place.path())?;
    let bytes = size(place.path()).map_err(|error| Failure::reading(place.path(), error))?;
    std::fs::rename(place.path(), output).map_err(|error| Failure::writing(output, error))?;
    Ok(Merged { is_adapter, bytes })
}

fn size(folder: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
