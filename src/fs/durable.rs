//! Writing so that a file is there whole or not at all, also after a loss of power.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file in one step: beside it, flushed to the disk, then renamed over it, and the folder flushed.
pub(crate) fn write(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    put(disk, path, |beside| {
        disk.write(beside, bytes)?;
        disk.sync(beside)
    })?;
    sync_folder(disk, folder)
}

/// Replaces a file that may be lost but not be half there: as [`write`], without waiting for the disk.
pub(crate) fn replace(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    put(disk, path, |beside| disk.write(beside, bytes))
}

/// Flushes a folder's list of names to the disk.
pub(crate) fn sync_folder(disk: &Disk, folder: &Path) -> Result<()> {
    disk.sync(folder).map_err(|error| Error::io("writing", folder, error))
}

/// Makes a folder and those above it, each flushed into its parent.
///
/// So is the innermost that is there already: whoever made it may have been killed before it was flushed.
pub(crate) fn make_folder(disk: &Disk, path: &Path) -> Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()).collect();
    if let Some(there) = missing.last().and_then(|folder| folder.parent())
        && let Some(above) = there.parent().filter(|above| !above.as_os_str().is_empty())
    {
        // A folder that may not be read is not ours, so we did not make what is in it.
        disk.sync(above).or_else(pass_denied).map_err(|error| Error::io("writing", above, error))?;
    }
    for folder in missing.into_iter().rev() {
        disk.make_folder(folder).map_err(|error| Error::io("writing", folder, error))?;
        if let Some(above) = folder.parent().filter(|above| !above.as_os_str().is_empty()) {
            sync_folder(disk, above)?;
        }
    }
    Ok(())
}

fn pass_denied(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::PermissionDenied { Ok(()) } else { Err(error) }
}

fn put(disk: &Disk, path: &Path, fill: impl Fn(&Path) -> std::io::Result<()>) -> Result<()> {
    let beside = beside(path);
    let put = fill(&beside).and_then(|()| disk.rename(&beside, path));
    put.map_err(|error| {
        // It is of no use, and what cannot be removed does no harm.
        drop(disk.remove_file(&beside));
        Error::io("writing", path, error)
    })
}

/// A hidden name beside `path` that no other process or thread uses.
pub(crate) fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.new", std::process::id()))
}
