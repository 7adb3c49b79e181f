//! The store's own folder as a backend: records in `actions/`, artifacts in `store/`, leases as locks in `tmp/locks/`.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::lock::FileLock;
use crate::key::{Digest, Key};
use crate::store::backend::copy::copy_artifact;
use crate::store::backend::lease::Lease;
use crate::store::backend::{Backend, Listed, Published, PutMode, Transfer};
use crate::store::results::artifact::Artifact;
use crate::store::runs::scratch::Scratch;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder of a store, with the disk that it is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local<'a> {
    root: &'a Path,
    disk: &'a Disk,
}

impl<'a> Local<'a> {
    pub(crate) fn new(root: &'a Path, disk: &'a Disk) -> Self {
        Self { root, disk }
    }

    pub(crate) fn record_path(&self, key: Key) -> PathBuf {
        self.root.join("actions").join(format!("{key}.json"))
    }

    pub(crate) fn artifact_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("store").join(digest.to_string())
    }

    pub(crate) fn lock_path(&self, name: &str) -> PathBuf {
        self.root.join("tmp/locks").join(format!("{name}.lock"))
    }

    fn move_in(&self, artifact: &Artifact, folder: &Path) -> Result<Published> {
        let home = self.artifact_path(&artifact.digest);
        match self.disk.rename(folder, &home) {
            // Another process has just put the same content there.
            Err(_) if home.exists() && artifact.damage_in(self.disk, &home)?.is_none() => Ok(Published::Present),
            renamed => renamed.map(|()| Published::New).map_err(|error| Error::io("writing", &home, error)),
        }
    }

    /// Copies a folder into `tmp`, makes it what a sealed folder is, and moves it to its place.
    fn copy_in(&self, artifact: &Artifact, folder: &Path) -> Result<Published> {
        let scratch = Scratch::for_transfer(self.disk, &self.root.join("tmp"))?;
        let copy = scratch.attempt("artifact")?;
        copy_artifact(self.disk, artifact, folder, &copy)?;
        for file in &artifact.files {
            let path = copy.join(&file.path);
            let mode = if file.executable { 0o555 } else { 0o444 };
            let sealed = self.disk.set_mode(&path, mode).and_then(|()| self.disk.sync(&path));
            sealed.map_err(|error| Error::io("writing", &path, error))?;
        }
        for folder in artifact.folders() {
            durable::sync_folder(self.disk, &copy.join(folder))?;
        }
        self.move_in(artifact, &copy)
    }

    fn list<N>(&self, folder: &str, name: impl Fn(&str) -> Option<N>) -> Result<Vec<Listed<N>>> {
        let folder = self.root.join(folder);
        let paths = match self.disk.list(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|error| Error::io("reading", &folder, error))?,
        };
        let mut found = Vec::with_capacity(paths.len());
        for path in paths {
            let Some(name) = path.file_name().and_then(|found| name(found.to_str()?)) else { continue };
            match self.disk.look(&path).and_then(|found| found.modified()) {
                Ok(modified) => found.push(Listed { name, modified }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("reading", &path, error)),
            }
        }
        Ok(found)
    }

    /// Flushes a removal.
    fn removed(&self, path: &Path, removed: std::io::Result<()>) -> Result<bool> {
        match removed {
            Ok(()) => durable::sync_folder(self.disk, path.parent().unwrap_or(self.root)).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("removing", path, error)),
        }
    }
}

impl Backend for Local<'_> {
    fn read_record(&self, key: Key) -> Result<Option<Vec<u8>>> {
        let path = self.record_path(key);
        match self.disk.read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(|error| Error::io("reading", &path, error)),
        }
    }

    fn publish_record(&self, key: Key, bytes: &[u8], mode: PutMode) -> Result<Published> {
        let path = self.record_path(key);
        if mode == PutMode::Overwrite {
            return durable::write(self.disk, &path, bytes).map(|()| Published::New);
        }
        let lock = FileLock::wait_alone(self.disk, &self.lock_path(&format!("{key}.publish")))?;
        let published = if path.exists() {
            Published::Present
        } else {
            durable::write(self.disk, &path, bytes)?;
            Published::New
        };
        lock.remove(self.disk);
        Ok(published)
    }

    fn delete_record(&self, key: Key) -> Result<bool> {
        let path = self.record_path(key);
        self.removed(&path, self.disk.remove_file(&path))
    }

    fn list_records(&self) -> Result<Vec<Listed<Key>>> {
        self.list("actions", |name| Key::parse(name.strip_suffix(".json")?))
    }

    fn has_artifact(&self, digest: &Digest) -> Result<bool> {
        Ok(self.artifact_path(digest).is_dir())
    }

    fn read_artifact(&self, artifact: &Artifact, to: &Path) -> Result<bool> {
        if !self.has_artifact(&artifact.digest)? {
            return Ok(false);
        }
        copy_artifact(self.disk, artifact, &self.artifact_path(&artifact.digest), to).map(|()| true)
    }

    fn publish_artifact(&self, artifact: &Artifact, from: &Path, transfer: Transfer) -> Result<Published> {
        let published = if self.artifact_path(&artifact.digest).exists() {
            Published::Present
        } else if transfer == Transfer::Move {
            self.move_in(artifact, from)?
        } else {
            self.copy_in(artifact, from)?
        };
        // Whoever put it there may not have come to this.
        durable::sync_folder(self.disk, &self.root.join("store"))?;
        Ok(published)
    }

    fn delete_artifact(&self, digest: &Digest) -> Result<bool> {
        let path = self.artifact_path(digest);
        self.removed(&path, self.disk.remove_folder(&path))
    }

    fn list_artifacts(&self) -> Result<Vec<Listed<Digest>>> {
        self.list("store", Digest::parse)
    }

    fn lease(&self, key: Key) -> Result<Option<Lease>> {
        let lock = FileLock::try_take(self.disk, &self.lock_path(&key.to_string()))?;
        Ok(lock.map(|lock| Lease::of_lock(lock, self.disk.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backend::suite;

    #[test]
    fn the_stores_folder_keeps_the_suite() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        for name in ["store", "actions", "tmp/locks"] {
            durable::make_folder(&disk, &folder.path().join(name)).unwrap();
        }
        suite::run(&Local::new(folder.path(), &disk));
    }
}
