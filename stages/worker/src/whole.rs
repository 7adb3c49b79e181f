//! Files and folders for `pipe export`, which appear whole or not at all: written beside their place first.

use contract::{Failure, Result};
use std::path::Path;
use tempfile::TempDir;

/// Writes a folder. Gives what `write` gave, and the size in bytes.
///
/// # Errors
/// Those of `write`, and when there is no room beside the place.
pub(crate) fn folder<T>(output: &Path, write: impl FnOnce(&Path) -> Result<T>) -> Result<(T, u64)> {
    let place = beside(output)?;
    let written = write(place.path())?;
    let bytes = size(place.path()).map_err(|error| Failure::reading(place.path(), error))?;
    std::fs::rename(place.path(), output).map_err(|error| Failure::writing(output, error))?;
    Ok((written, bytes))
}

/// Writes a file. Gives what `write` gave, and the size in bytes.
///
/// # Errors
/// Those of `write`, and when there is no room beside the place.
pub(crate) fn file<T>(output: &Path, write: impl FnOnce(&Path) -> Result<T>) -> Result<(T, u64)> {
    let place = beside(output)?;
    let partial = place.path().join("file");
    let written = write(&partial)?;
    let bytes = std::fs::metadata(&partial).map_err(|error| Failure::reading(&partial, error))?.len();
    std::fs::rename(&partial, output).map_err(|error| Failure::writing(output, error))?;
    Ok((written, bytes))
}

/// A folder on the same file system, so that a rename suffices.
fn beside(output: &Path) -> Result<TempDir> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| Failure::writing(parent, error))?;
    tempfile::Builder::new().prefix(".export-").tempdir_in(parent).map_err(|error| Failure::writing(parent, error))
}

fn size(folder: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
