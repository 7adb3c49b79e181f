//! Locks between processes: `flock` on a file, which the system releases when its holder dies.
//!
//! std takes the lock; added here are the file's path, which holders remove, and waiting for a bounded time.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use rustix::io::Errno;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock if nobody holds it.
    pub fn try_take(disk: &Disk, path: &Path) -> Result<Option<Self>> {
        Self::take(disk, path, File::try_lock)
    }

    /// Takes the lock together with others that share it, when nobody holds it alone.
    pub fn wait_shared(disk: &Disk, path: &Path) -> Result<Option<Self>> {
        Self::take(disk, path, |file| file.lock_shared().map_err(TryLockError::Error))
    }

    /// Takes the lock alone, when nobody else holds it.
    pub fn wait_alone(disk: &Disk, path: &Path) -> Result<Self> {
        loop {
            // Only a lock that is not waited for can be refused.
            if let Some(lock) = Self::take(disk, path, |file| file.lock().map_err(TryLockError::Error))? {
                return Ok(lock);
            }
        }
    }

    /// Waits for the lock, not longer than `patience`; `None` when somebody holds it for longer.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn wait_at_most(disk: &Disk, path: &Path, patience: Duration) -> Result<Option<Self>> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::try_take(disk, path)? {
                Some(lock) => return Ok(Some(lock)),
                None if start.elapsed() < patience => std::thread::sleep(pause),
                None => return Ok(None),
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Lets go and removes the file.
    pub fn remove(self, disk: &Disk) {
        // A file that stays does no harm: whoever comes next locks it.
        drop(disk.remove_file(&self.path));
        drop(self.file);
    }

    fn take(disk: &Disk, path: &Path, lock: impl Fn(&File) -> Locked) -> Result<Option<Self>> {
        loop {
            let file = disk.lock_file(path).map_err(|error| refused(path, error))?;
            match lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(error)) => return Err(cannot_lock(path, error)),
            }
            // A holder that goes removes the file; whoever opened it before must look for the new one.
            let held = file.metadata().map_err(|error| Error::io("reading", path, error))?.ino();
            match disk.look(path) {
                Ok(now) if now.ino() == held => return Ok(Some(Self { file, path: path.to_owned() })),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("reading", path, error)),
                _ => {}
            }
        }
    }
}

/// What the system answers when a lock is asked for.
type Locked = std::result::Result<(), TryLockError>;

/// Why a file cannot be locked. Some file systems of clusters have no locks, or only with an option.
fn cannot_lock(path: &Path, source: std::io::Error) -> Error {
    match Errno::from_io_error(&source) {
        Some(Errno::NOSYS | Errno::NOLCK | Errno::OPNOTSUPP) => Error::NoLocks { path: path.to_owned(), source },
        _ => Error::io("writing", path, source),
    }
}

/// Why a lock file cannot be opened. Another program may have put something else in its place.
fn refused(path: &Path, error: std::io::Error) -> Error {
    if error.kind() != ErrorKind::IsADirectory {
        return Error::io("writing", path, error);
    }
    Error::Damaged {
        message: format!("{} is a folder, expected a lock file", path.display()),
        hint: Some("remove the folder, or move it away: a lock file holds nothing and is made anew".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_free_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FileLock::try_take(&Disk::default(), &path).unwrap().unwrap();
        assert!(FileLock::try_take(&Disk::default(), &path).unwrap().is_none());
        held.remove(&Disk::default());
        assert!(FileLock::try_take(&Disk::default(), &path).unwrap().is_some());
    }

    #[test]
    fn a_file_system_without_locks_is_an_error_of_its_own() {
        let error = cannot_lock(Path::new("/lustre/lock"), Errno::NOSYS.into());
        assert_eq!(error.exit_code(), 42);
        assert!(error.hint().unwrap().contains("flock"));
        assert!(matches!(cannot_lock(Path::new("/f"), Errno::IO.into()), Error::Io { .. }));
    }

    #[test]
    fn a_shared_lock_keeps_others_from_holding_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, path) = (Disk::default(), folder.path().join("lock"));
        let shared = [(); 2].map(|()| FileLock::wait_shared(&disk, &path).unwrap().unwrap());
        assert!(FileLock::try_take(&disk, &path).unwrap().is_none());
        drop(shared);
        assert!(FileLock::try_take(&disk, &path).unwrap().is_some());
    }
}
