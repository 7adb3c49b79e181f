//! Where stages write before anything is kept: a folder of the run's own, which dies with it.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::lock::FileLock;
use crate::key::RunId;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A run's folder in `tmp`. Its lock says that the run is alive; when it is dropped, both go.
#[derive(Debug)]
pub struct Scratch {
    disk: Disk,
    folder: PathBuf,
    lock: Option<FileLock>,
}

impl Scratch {
    /// Makes the folder for a run, after removing those that dead runs left behind.
    pub fn create(disk: &Disk, tmp: &Path, run: &RunId) -> Result<Self> {
        durable::make_folder(disk, tmp)?;
        sweep(disk, tmp);
        let folder = tmp.join(run.as_str());
        // Another run that sweeps may hold it for an instant.
        let lock = FileLock::wait_alone(disk, &lock_of(&folder))?;
        // From here on the lock goes with it, whatever happens.
        let scratch = Self { disk: disk.clone(), folder, lock: Some(lock) };
        disk.make_folder(&scratch.folder).map_err(|error| Error::io("writing", &scratch.folder, error))?;
        Ok(scratch)
    }

    /// Makes a folder to copy an artifact to, of a name that no other process or thread uses.
    pub(crate) fn for_transfer(disk: &Disk, tmp: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::create(disk, tmp, &RunId::new(format!("transfer-{}-{count}", std::process::id())))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// An empty folder for one attempt at one stage.
    pub fn attempt(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            self.disk.remove_folder(&folder).map_err(|error| Error::io("writing", &folder, error))?;
        }
        self.disk.make_folder(&folder).map_err(|error| Error::io("writing", &folder, error))?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.disk.remove_folder(&self.folder));
        if let Some(lock) = self.lock.take() {
            lock.remove(&self.disk);
        }
    }
}

/// How many folders in `tmp` belong to runs that are no longer alive. Changes nothing.
pub(crate) fn left_behind(disk: &Disk, tmp: &Path) -> usize {
    run_folders(tmp)
        .filter(|folder| {
            take(disk, folder).is_some_and(|lock| {
                lock.remove(disk);
                true
            })
        })
        .count()
}

fn run_folders(tmp: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = std::fs::read_dir(tmp).into_iter().flatten().flatten().map(|entry| entry.path());
    folders.filter(|path| path.is_dir() && path.file_name().is_some_and(|name| name != "locks" && name != "jobs"))
}

/// The lock of a run's folder, which can be had when the run is no longer alive.
fn take(disk: &Disk, folder: &Path) -> Option<FileLock> {
    FileLock::try_take(disk, &lock_of(folder)).ok().flatten()
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

/// Removes what runs that are no longer alive have left. What cannot be removed does no harm and stays.
pub(crate) fn sweep(disk: &Disk, tmp: &Path) {
    for folder in run_folders(tmp).chain(folders_of_locks(tmp)) {
        if let Some(lock) = take(disk, &folder) {
            drop(disk.remove_folder(&folder));
            lock.remove(disk);
        }
    }
}

/// The folders of runs of which there is a lock: a run may die before its folder is made, and after it is removed.
fn folders_of_locks(tmp: &Path) -> impl Iterator<Item = PathBuf> {
    let files = std::fs::read_dir(tmp).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "lock")).map(|lock| lock.with_extension(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_dead_runs_are_removed() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tmp.path().join("dead/stage")).unwrap();
        let alive = Scratch::create(&Disk::default(), tmp.path(), &RunId::new("alive")).unwrap();
        let _other = Scratch::create(&Disk::default(), tmp.path(), &RunId::new("other")).unwrap();
        assert!(!tmp.path().join("dead").exists());
        assert!(alive.folder.exists());
    }

    #[test]
    fn the_lock_of_a_dead_run_is_removed() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("dead.lock"), "").unwrap();
        let _alive = Scratch::create(&Disk::default(), tmp.path(), &RunId::new("alive")).unwrap();
        let _other = Scratch::create(&Disk::default(), tmp.path(), &RunId::new("other")).unwrap();
        assert!(!tmp.path().join("dead.lock").exists());
        assert!(tmp.path().join("alive.lock").exists());
    }

    #[test]
    fn dead_runs_are_counted_and_left_as_they_are() {
        let tmp = tempfile::tempdir().unwrap();
        let _alive = Scratch::create(&Disk::default(), tmp.path(), &RunId::new("alive")).unwrap();
        std::fs::create_dir_all(tmp.path().join("dead/stage")).unwrap();
        std::fs::create_dir_all(tmp.path().join("locks")).unwrap();
        assert_eq!(left_behind(&Disk::default(), tmp.path()), 1);
        assert!(tmp.path().join("dead/stage").exists());
        assert!(!tmp.path().join("dead.lock").exists());
    }

    #[test]
    fn a_run_leaves_nothing_behind() {
        let tmp = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(&Disk::default(), tmp.path(), &RunId::new("run")).unwrap();
        scratch.attempt("stage").unwrap();
        drop(scratch);
        assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0);
    }
}
