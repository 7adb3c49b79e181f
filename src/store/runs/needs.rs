//! What a live run needs, so that nothing of it is removed while the run goes on.
//!
//! The store's lock is shared by all who look results up or add some, for as long as it takes, and held alone by whoever
//! removes some. A run that lasts writes down what it builds on and lets go of the lock; before anything is removed, what
//! all runs need is read again. A run that neither starts nor waits for anything holds the lock for its few milliseconds.
//!
//! A key is written down with the artifacts that it led to: another run may make its record anew with others, and then
//! no record names those that this run goes on with.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::lock::FileLock;
use crate::key::Digest;
use crate::key::Key;
use crate::store::Store;
use crate::store::results::action::Action;
use crate::store::runs::scratch::Scratch;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

/// What all live runs have written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needed {
    /// Keys that were found or are being made.
    pub keys: BTreeSet<Key>,
    /// What they led to.
    pub artifacts: BTreeSet<Digest>,
}

/// What one run builds on.
#[derive(Debug)]
pub struct Needs {
    disk: Disk,
    /// The store's lock while it is held. A store that cannot be written has none, and nobody can remove from it.
    lock: Option<FileLock>,
    text: String,
    list: Option<PathBuf>,
}

/// Where a run that lasts writes down what it needs. Whoever holds the store's lock may add to it.
#[derive(Clone, Debug)]
pub(crate) struct NeedsList {
    disk: Disk,
    path: PathBuf,
}

impl Store {
    /// The needs of a run that begins now; results stay until they are dropped.
    pub fn needs(&self) -> Result<Needs> {
        Ok(Needs { disk: self.disk.clone(), lock: self.lock_shared()?, text: String::new(), list: None })
    }

    /// Holds the store's lock together with all who look up or add. `None` for a store that is not there or cannot be
    /// written, from which nobody can remove anything either.
    pub(crate) fn lock_shared(&self) -> Result<Option<FileLock>> {
        match FileLock::wait_shared(&self.disk, &self.lock_path()) {
            Err(Error::StoreNotWritable { .. }) => Ok(None),
            Err(Error::Io { source, .. }) if is_absence(source.kind()) => Ok(None),
            held => held,
        }
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What runs that are alive have written down.
    pub fn needed(&self) -> Result<Needed> {
        let tmp = self.root.join("tmp");
        let entries = match self.disk.list(&tmp) {
            Err(error) if is_absence(error.kind()) => Vec::new(),
            listed => listed.map_err(|error| Error::io("reading", &tmp, error))?,
        };
        let mut needed = Needed::default();
        for list in entries.iter().map(|folder| folder.join(LIST)) {
            match self.disk.read(&list) {
                Ok(text) => needed.read(&String::from_utf8_lossy(&text)),
                // A lock, or a run that has written nothing down.
                Err(error) if is_absence(error.kind()) => {}
                Err(error) => return Err(Error::io("reading", &list, error)),
            }
        }
        Ok(needed)
    }
}

pub(crate) fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The file in a run's folder with what it needs.
const LIST: &str = "needs";

/// What stands before an artifact in it.
const ARTIFACT: &str = "artifact ";

impl Needed {
    fn read(&mut self, text: &str) {
        for line in text.lines() {
            match line.strip_prefix(ARTIFACT) {
                Some(digest) => self.artifacts.extend(Digest::parse(digest)),
                None => self.keys.extend(Key::parse(line)),
            }
        }
    }
}

impl Needs {
    /// Adds a key that is going to be made.
    pub fn add_key(&mut self, key: Key) -> Result<()> {
        self.add(&line(&key))
    }

    /// Adds a result that was just found or made. Between its lookup and this call the lock has to be held.
    pub fn add_result(&mut self, action: &Action) -> Result<()> {
        self.add(&lines(action))
    }

    /// Writes it all down in the run's folder and lets go of the lock, since the run is going to last.
    pub fn write_down(&mut self, scratch: &Scratch) -> Result<()> {
        if self.list.is_none() {
            let path = scratch.folder().join(LIST);
            append(&self.disk, &path, &self.text)?;
            self.text.clear();
            self.list = Some(path);
            self.lock = None;
        }
        Ok(())
    }

    /// Whether the lock was let go, so that whoever looks up has to share it again.
    pub fn is_written_down(&self) -> bool {
        self.list.is_some()
    }

    /// The list, for others to add to, once it is written down.
    pub(crate) fn list(&self) -> Option<NeedsList> {
        self.list.clone().map(|path| NeedsList { disk: self.disk.clone(), path })
    }

    /// The lock, taken again if it was let go: while it is held nothing is removed, whether it is written down or not.
    pub(crate) fn hold(&mut self, store: &Store) -> Result<Option<FileLock>> {
        match self.lock.take() {
            Some(lock) => Ok(Some(lock)),
            None => store.lock_shared(),
        }
    }

    fn add(&mut self, text: &str) -> Result<()> {
        match &self.list {
            None => self.text += text,
            Some(path) => append(&self.disk, path, text)?,
        }
        Ok(())
    }
}

impl NeedsList {
    /// Adds a result that was just made, while the lock is held.
    pub(crate) fn add_result(&self, action: &Action) -> Result<()> {
        append(&self.disk, &self.path, &lines(action))
    }
}

fn append(disk: &Disk, path: &std::path::Path, text: &str) -> Result<()> {
    disk.append(path, text.as_bytes()).map_err(|error| Error::io("writing", path, error))
}

/// A key's line. It begins one of its own, since a disk that was full may have left a part of another.
fn line(key: &Key) -> String {
    format!("\n{key}\n")
}

fn lines(action: &Action) -> String {
    let artifacts = action.outputs.values().map(|artifact| format!("{ARTIFACT}{}\n", artifact.digest));
    std::iter::once(line(&action.key)).chain(artifacts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Digest;
    use crate::key::RunId;

    #[test]
    fn a_key_that_was_half_written_does_not_hide_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("artifacts"));
        store.prepare().unwrap();
        let scratch = store.scratch(&RunId::new("run")).unwrap();
        let mut needs = store.needs().unwrap();
        needs.write_down(&scratch).unwrap();
        std::fs::write(scratch.folder().join(LIST), "0123456789").unwrap();
        let key = Key(Digest::from(blake3::hash(b"key")));
        needs.add_key(key).unwrap();
        assert_eq!(store.needed().unwrap().keys, BTreeSet::from([key]));
    }
}
