//! Locks between processes: `flock` on a file, released by the system when its holder dies, however it dies.

use crate::error::{Error, Result};
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: fs::File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock if nobody holds it.
    pub fn try_take(path: &Path) -> Result<Option<Self>> {
        loop {
            let file = fs::OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .read(true)
                .open(path)
                .map_err(|error| Error::io("writing", path, std::io::Error::from(error.kind())))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(Error::io("writing", path, error.into())),
            }
            // A holder that goes removes the file; whoever opened it before must look for the new one.
            let held = file.metadata().map_err(|error| Error::io("reading", path, error))?.ino();
            if std::fs::metadata(path).is_ok_and(|now| now.ino() == held) {
                return Ok(Some(Self { file, path: path.to_owned() }));
            }
        }
    }

    /// Waits for the lock, not longer than `patience`.
    pub fn wait_at_most(path: &Path, patience: Duration) -> Option<Self> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::try_take(path) {
                Ok(Some(lock)) => return Some(lock),
                Ok(None) if start.elapsed() < patience => std::thread::sleep(pause),
                _ => return None,
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Lets go and removes the file.
    pub fn remove(self) {
        drop(fs::remove_file(&self.path));
        drop(self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_free_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::try_take(&path).unwrap().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        held.remove();
        assert!(FileLock::try_take(&path).unwrap().is_some());
    }
}
