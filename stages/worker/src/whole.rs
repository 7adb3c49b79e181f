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
    appear(place.path(), output, write)
}

/// Writes a file. Gives what `write` gave, and the size in bytes.
///
/// # Errors
/// Those of `write`, and when there is no room beside the place.
pub(crate) fn file<T>(output: &Path, write: impl FnOnce(&Path) -> Result<T>) -> Result<(T, u64)> {
    let place = beside(output)?;
    appear(&place.path().join("file"), output, write)
}

/// A folder on the same file system, so that a rename suffices.
fn beside(output: &Path) -> Result<TempDir> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| Failure::writing(parent, error))?;
    tempfile::Builder::new().prefix(".export-").tempdir_in(parent).map_err(|error| Failure::writing(parent, error))
}

/// Has `partial` written, which then becomes `output`.
fn appear<T>(partial: &Path, output: &Path, write: impl FnOnce(&Path) -> Result<T>) -> Result<(T, u64)> {
    let written = write(partial)?;
    let bytes = size(partial).map_err(|error| Failure::reading(partial, error))?;
    std::fs::rename(partial, output).map_err(|error| Failure::writing(output, error))?;
    Ok((written, bytes))
}

/// The bytes of a file, or of all files of a folder.
fn size(path: &Path) -> std::io::Result<u64> {
    let metadata = path.metadata()?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    std::fs::read_dir(path)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
