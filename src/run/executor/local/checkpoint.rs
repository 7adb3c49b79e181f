//! The lock on a checkpoint: held by the processes of the attempt that works there, whoever of them is left.
//!
//! The lock is `flock` on the folder itself, by a descriptor that all processes of the attempt inherit. The system lets go
//! of it when the last of them has ended.

use crate::run::executor::local::descendants::lock_holders;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, kill_process};
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Locks the folder for this process and all that it starts from now on.
pub(super) fn lock_for_children(folder: &Path) -> Result<Option<File>, String> {
    let Some(file) = lock(folder).map_err(|()| format!("another process works in {}", folder.display()))? else {
        return Ok(None);
    };
    fcntl_setfd(&file, FdFlags::empty()).map_err(|error| format!("{} cannot be locked: {error}", folder.display()))?;
    Ok(Some(file))
}

/// Whether no process of an earlier attempt works in the folder. Those of this machine are ended.
pub(in crate::run::executor) fn is_free(folder: &Path) -> bool {
    if lock(folder).is_ok() {
        return true;
    }
    if let Ok(status) = folder.metadata() {
        for process in lock_holders(status.dev(), status.ino()) {
            tracing::debug!(
                "ends process {} of an earlier attempt, which works in {}",
                process.as_raw_pid(),
                folder.display()
            );
            kill_process(process, Signal::KILL).ok();
        }
    }
    false
}

/// The lock, where the file system has one and nobody else holds it. It goes when the file is closed.
fn lock(folder: &Path) -> Result<Option<File>, ()> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(()),
        Err(TryLockError::Error(error)) => {
            tracing::debug!("{} cannot be locked: {error}", folder.display());
            Ok(None)
        }
    }
}
