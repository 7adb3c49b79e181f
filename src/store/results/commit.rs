//! Keeping a result: outputs are flushed and renamed into place whole, and only then does the record appear.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::fs::hash::hash_file;
use crate::fs::walk::{Kind, Links, listed_beneath};
use crate::key::{FileEntry, RelativePath};
use crate::store::backend::{Backend as _, PutMode, Transfer};
use crate::store::results::action::Action;
use crate::store::results::artifact::{Artifact, folders_of};
use crate::store::{Lookup, Store};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

impl Store {
    /// Reads a folder that a stage has written, makes its files read-only and flushes them.
    ///
    /// A file that has another name outside the folder is somebody else's as well: the folder gets a copy of its own.
    ///
    /// # Errors
    /// A message, when it is not an artifact: gone, empty, or with something in it that is neither file nor folder.
    pub fn seal(&self, folder: &Path) -> Result<std::result::Result<Artifact, String>> {
        if !std::fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
            return Ok(Err("it is not a folder any more".to_owned()));
        }
        self.disk.open_up(folder).map_err(|error| Error::io("writing", folder, error))?;
        let all = match listed_beneath(folder, Links::Refuse)? {
            Ok(all) => all,
            Err(message) => return Ok(Err(message)),
        };
        let (mut files, mut empty_folders) = (Vec::with_capacity(all.len()), Vec::new());
        for listed in &all {
            let path = |text: &str| RelativePath::parse(text).map_err(|error| error.to_string());
            let sealed = match listed.strip_suffix('/') {
                Some(listed) => path(listed).map(|path| empty_folders.push(path)),
                None => match path(listed) {
                    Ok(path) => self.seal_file(&folder.join(listed), path)?.map(|file| files.push(file)),
                    Err(message) => Err(message),
                },
            };
            if let Err(message) = sealed {
                return Ok(Err(message));
            }
        }
        if files.is_empty() {
            return Ok(Err("it is empty".to_owned()));
        }
        for inner in folders_of(&all) {
            durable::sync_folder(&self.disk, &folder.join(inner))?;
        }
        Ok(Ok(Artifact::of(files, empty_folders)))
    }

    /// Moves a sealed folder to its place. A folder that is there already and whole is kept.
    pub fn keep(&self, folder: &Path, artifact: &Artifact) -> Result<()> {
        let home = self.artifact(&artifact.digest);
        let is_damaged = || Ok(home.exists() && artifact.damage_in(&self.disk, &home)?.is_some());
        let place = || self.local().publish_artifact(artifact, folder, Transfer::Move).map(drop);
        if !is_damaged()? {
            return place();
        }
        let repair = self.lock_repair(&artifact.digest)?;
        // Another may have put a whole one there.
        if is_damaged()? {
            self.move_to_quarantine(&home)?;
        }
        place()?;
        repair.remove(&self.disk);
        Ok(())
    }

    /// Writes the record of a key, after its artifacts are in place. Says what the key led to before, if that differs.
    pub fn record(&self, action: &Action) -> Result<Option<Box<Action>>> {
        let before = match self.lookup_here(action.key)? {
            Lookup::Cached(before) if before.outputs != action.outputs => Some(before),
            _ => None,
        };
        let path = self.action_path(action.key);
        let bytes = action.encode().map_err(|error| Error::io("writing", &path, error.into()))?;
        self.local().publish_record(action.key, &bytes, PutMode::Overwrite)?;
        if let Some(remote) = self.remote() {
            self.push(remote, action, &bytes);
        }
        Ok(before)
    }

    /// Makes a file read-only, flushes and hashes it.
    ///
    /// # Errors
    /// A message, when somebody gives it another name again and again.
    fn seal_file(&self, path: &Path, listed: RelativePath) -> Result<std::result::Result<FileEntry, String>> {
        const ATTEMPTS: usize = 3;
        let failed = |error| Error::io("writing", path, error);
        for _ in 0..ATTEMPTS {
            let before = self.disk.look_at_itself(path).map_err(failed)?;
            if !before.is_file() {
                return Ok(Err(format!("{} is neither a file nor a folder any more", path.display())));
            }
            if before.mode() & 0o400 == 0 {
                return Ok(Err(format!("{} may not be read by its owner", path.display())));
            }
            let executable = Kind::of(&before) == Kind::Executable;
            if before.nlink() > 1 {
                self.replace_by_copy(path, before.mode())?;
            }
            self.disk.set_mode(path, if executable { 0o555 } else { 0o444 }).map_err(failed)?;
            let now = self.disk.look_at_itself(path).map_err(failed)?;
            if now.nlink() > 1 {
                // It was given another name in between, and whoever did that finds it as it was.
                self.disk.set_mode(path, before.mode() & 0o7777).map_err(failed)?;
                continue;
            }
            let digest = hash_file(&self.disk, path)?;
            let size = self.disk.look(path).map_err(failed)?.len();
            self.disk.sync(path).map_err(failed)?;
            return Ok(Ok(FileEntry { path: listed, size, digest, executable }));
        }
        Ok(Err(format!("{} is given other names while it is kept", path.display())))
    }

    /// Puts a copy in the place of a file that has other names as well.
    fn replace_by_copy(&self, path: &Path, mode: u32) -> Result<()> {
        let beside = durable::beside(path);
        let replaced = self
            .disk
            .copy(path, &beside)
            .and_then(|()| self.disk.set_mode(&beside, mode & 0o777))
            .and_then(|()| self.disk.rename(&beside, path));
        replaced.map_err(|error| {
            // It is of no use, and what cannot be removed does no harm.
            drop(self.disk.remove_file(&beside));
            Error::io("writing", path, error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Disk;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("artifacts"));
        store.prepare().unwrap();
        (folder, store)
    }

    fn output(folder: &Path, name: &str, content: &str) -> std::path::PathBuf {
        let output = folder.join(name);
        std::fs::create_dir_all(output.join("inner")).unwrap();
        std::fs::write(output.join("inner/a.txt"), content).unwrap();
        output
    }

    #[test]
    fn equal_content_is_one_artifact() {
        let (folder, store) = store();
        let one = store.seal(&output(folder.path(), "one", "x")).unwrap().unwrap();
        let two = store.seal(&output(folder.path(), "two", "x")).unwrap().unwrap();
        assert_eq!(one, two);
        store.keep(&folder.path().join("one"), &one).unwrap();
        store.keep(&folder.path().join("two"), &two).unwrap();
        assert_eq!(std::fs::read_dir(store.root().join("store")).unwrap().count(), 1);
    }

    #[test]
    fn a_truncated_artifact_is_quarantined_and_replaced() {
        let (folder, store) = store();
        let artifact = store.seal(&output(folder.path(), "one", "content")).unwrap().unwrap();
        store.keep(&folder.path().join("one"), &artifact).unwrap();
        let home = store.artifact(&artifact.digest);
        std::fs::remove_file(home.join("inner/a.txt")).unwrap();
        std::fs::write(home.join("inner/a.txt"), "con").unwrap();
        let again = store.seal(&output(folder.path(), "two", "content")).unwrap().unwrap();
        store.keep(&folder.path().join("two"), &again).unwrap();
        assert!(artifact.fault_in(&Disk::default(), &home).unwrap().is_none());
        assert_eq!(std::fs::read_dir(store.root().join("quarantine")).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_folder_is_no_artifact() {
        let (folder, store) = store();
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert_eq!(store.seal(&empty).unwrap().unwrap_err(), "it is empty");
    }
}
