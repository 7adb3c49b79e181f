//! The folders of online stores: one for each content and server, each under a lock of its own.
//!
//! sled lets one process open a folder. A second server on the same content takes the next number and makes a folder of its own.

use super::StoreError;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// How many servers may serve one content at once.
const SERVERS: usize = 64;

/// How many characters of a content's digest its folder is named by.
const NAME: usize = 16;

/// A folder that this process alone uses until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Where a complete store is.
    pub(crate) folder: PathBuf,
    /// Where a store is made.
    pub(crate) building: PathBuf,
    _lock: File,
}

impl Slot {
    /// The first folder for this content that no other server uses.
    ///
    /// # Errors
    /// When a file cannot be made, or all are used.
    pub(crate) fn take(root: &Path, content: &str) -> Result<Self, StoreError> {
        let failed = |path: &Path, error| StoreError::Io { path: path.to_owned(), error };
        std::fs::create_dir_all(root).map_err(|error| failed(root, error))?;
        let name = content.get(..NAME).unwrap_or(content);
        for number in 0..SERVERS {
            let path = root.join(format!("{name}-{number}.lock"));
            if let Some(lock) = lock(&path).map_err(|error| failed(&path, error))? {
                let folder = path.with_extension("lists");
                return Ok(Self { building: folder.with_extension("building"), folder, _lock: lock });
            }
        }
        Err(StoreError::TooManyServers(SERVERS))
    }
}

/// Removes the folders of other contents that no server uses, but for the newest `keep`.
pub(crate) fn remove_unused(root: &Path, keep: usize) {
    let Ok(entries) = std::fs::read_dir(root) else { return };
    let locks =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "lock"));
    let time = |path: &PathBuf| path.with_extension("lists").metadata().and_then(|found| found.modified()).ok();
    let mut locks: Vec<_> = locks.map(|path| (time(&path), path)).collect();
    locks.sort();
    let old = locks.len().saturating_sub(keep);
    for (_, path) in &locks[..old] {
        if let Ok(Some(_lock)) = lock(path) {
            for folder in [path.with_extension("lists"), path.with_extension("building")] {
                if let Err(error) = std::fs::remove_dir_all(&folder)
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    tracing::warn!("{} could not be removed: {error}", folder.display());
                }
            }
            // The lock's file stays: another server may be about to lock it.
        }
    }
}

fn lock(path: &Path) -> std::io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
