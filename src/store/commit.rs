//! Keeping a result: outputs are flushed and renamed into place whole, and only then does the record appear.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::fs::hash::hash_file;
use crate::fs::walk::{Links, files_beneath};
use crate::key::{FileEntry, listed};
use crate::store::action::Action;
use crate::store::artifact::Artifact;
use crate::store::{Lookup, Store};
use std::path::Path;

impl Store {
    /// Reads a folder that a stage has written, makes its files read-only and flushes them.
    ///
    /// # Errors
    /// In words, when it is not an artifact: gone, empty, or with something in it that is neither file nor folder.
    pub fn seal(&self, folder: &Path) -> Result<std::result::Result<Artifact, String>> {
        if !std::fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
            return Ok(Err("it is not a folder any more".to_owned()));
        }
        let files = match files_beneath(folder, Links::Refuse)? {
            Ok(files) if files.is_empty() => return Ok(Err("it is empty".to_owned())),
            Ok(files) => files,
            Err(message) => return Ok(Err(message)),
        };
        let mut entries = Vec::with_capacity(files.len());
        for file in &files {
            entries.push(self.seal_file(&folder.join(file), file)?);
        }
        for inner in folders_of(&files) {
            durable::sync_folder(&self.disk, &folder.join(inner))?;
        }
        Ok(Ok(Artifact::of(entries)))
    }

    /// Moves a sealed folder to its place. A folder that is there already and whole is kept.
    pub fn keep(&self, folder: &Path, artifact: &Artifact) -> Result<()> {
        let home = self.artifact(&artifact.digest);
        if !home.exists() {
            self.place(folder, artifact)?;
        } else if artifact.damage_in(&self.disk, &home)?.is_some() {
            let repair = self.hold_repair(&artifact.digest)?;
            self.replace(folder, artifact)?;
            repair.remove(&self.disk);
        }
        // Whoever put it there may not have come to this.
        durable::sync_folder(&self.disk, &self.root.join("store"))
    }

    /// Puts a sealed folder where a damaged one stands, or stood until another did the same.
    fn replace(&self, folder: &Path, artifact: &Artifact) -> Result<()> {
        let home = self.artifact(&artifact.digest);
        if home.exists() {
            if artifact.damage_in(&self.disk, &home)?.is_none() {
                return Ok(());
            }
            self.move_aside(&home)?;
        }
        self.place(folder, artifact)
    }

    fn place(&self, folder: &Path, artifact: &Artifact) -> Result<()> {
        let home = self.artifact(&artifact.digest);
        match self.disk.rename(folder, &home) {
            // Another process has just put the same content there.
            Err(_) if home.exists() && artifact.damage_in(&self.disk, &home)?.is_none() => Ok(()),
            renamed => renamed.map_err(|error| Error::io("writing", &home, error)),
        }
    }

    /// Writes the record of a key, after its artifacts are in place. Says what the key led to before, if that differs.
    pub fn record(&self, action: &Action) -> Result<Option<Box<Action>>> {
        let before = match self.lookup(action.key)? {
            Lookup::Hit(before) if before.outputs != action.outputs => Some(before),
            _ => None,
        };
        let path = self.action_path(action.key);
        let bytes = action.encode().map_err(|error| Error::io("writing", &path, error.into()))?;
        durable::write(&self.disk, &path, &bytes)?;
        Ok(before)
    }

    fn seal_file(&self, path: &Path, listed_as: &Path) -> Result<FileEntry> {
        let failed = |error| Error::io("writing", path, error);
        let digest = hash_file(&self.disk, path)?;
        let size = self.disk.look(path).map_err(failed)?.len();
        self.disk.make_read_only(path).map_err(failed)?;
        self.disk.sync(path).map_err(failed)?;
        Ok(FileEntry { path: listed(listed_as), size, digest })
    }
}

/// The folders that the files stand in, inner ones first, ending with the outermost, `""`.
fn folders_of(files: &[std::path::PathBuf]) -> Vec<&Path> {
    let mut folders: Vec<&Path> = files.iter().flat_map(|file| file.ancestors().skip(1)).collect();
    folders.sort_by_key(|folder| (std::cmp::Reverse(folder.components().count()), folder.to_owned()));
    folders.dedup();
    folders
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
    fn a_truncated_artifact_is_set_aside_and_replaced() {
        let (folder, store) = store();
        let artifact = store.seal(&output(folder.path(), "one", "content")).unwrap().unwrap();
        store.keep(&folder.path().join("one"), &artifact).unwrap();
        let home = store.artifact(&artifact.digest);
        std::fs::remove_file(home.join("inner/a.txt")).unwrap();
        std::fs::write(home.join("inner/a.txt"), "con").unwrap();
        let again = store.seal(&output(folder.path(), "two", "content")).unwrap().unwrap();
        store.keep(&folder.path().join("two"), &again).unwrap();
        assert!(artifact.fault_in(&Disk::default(), &home).unwrap().is_none());
        assert_eq!(std::fs::read_dir(store.root().join("set-aside")).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_folder_is_no_artifact() {
        let (folder, store) = store();
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        assert_eq!(store.seal(&empty).unwrap().unwrap_err(), "it is empty");
    }
}
