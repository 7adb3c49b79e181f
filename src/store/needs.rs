//! What a live run needs, so that nothing of it is removed while the run goes on.
//!
//! The store's lock is shared by all who look results up or add some, for as long as it takes, and held alone by whoever
//! removes some. A run that lasts writes down the keys that it builds on and lets go of the lock; before anything is
//! removed, the keys of all runs are read again. A run that starts nothing holds the lock for its few milliseconds.

use crate::error::{Error, Result};
use crate::plan::Key;
use crate::store::Store;
use crate::store::disk::Disk;
use crate::store::lock::FileLock;
use crate::store::scratch::Scratch;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The keys that one run builds on.
#[derive(Debug)]
pub struct Needs {
    disk: Disk,
    /// The store's lock while it is held. A store that cannot be written has none, and nobody can remove from it.
    lock: Option<FileLock>,
    keys: Vec<Key>,
    list: Option<PathBuf>,
}

impl Store {
    /// The needs of a run that begins now; results stay until they are dropped.
    pub fn needs(&self) -> Result<Needs> {
        Ok(Needs { disk: self.disk.clone(), lock: self.share()?, keys: Vec::new(), list: None })
    }

    /// Holds the store's lock together with all who look up or add. `None` for a store that is not there or cannot be
    /// written, from which nobody can remove anything either.
    pub(crate) fn share(&self) -> Result<Option<FileLock>> {
        match FileLock::wait_shared(&self.disk, &self.lock_path()) {
            Err(Error::StoreNotWritable { .. }) => Ok(None),
            Err(Error::Io { source, .. }) if is_absence(source.kind()) => Ok(None),
            held => held,
        }
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The keys that runs which are alive have written down.
    pub fn needed_keys(&self) -> Result<Vec<Key>> {
        let tmp = self.root.join("tmp");
        let entries = match self.disk.list(&tmp) {
            Err(error) if is_absence(error.kind()) => Vec::new(),
            listed => listed.map_err(|error| Error::io("reading", &tmp, error))?,
        };
        let mut keys = Vec::new();
        for list in entries.iter().map(|folder| folder.join(LIST)) {
            match self.disk.read(&list) {
                Ok(text) => keys.extend(String::from_utf8_lossy(&text).lines().filter_map(Key::parse)),
                // A lock, or a run that has written nothing down.
                Err(error) if is_absence(error.kind()) => {}
                Err(error) => return Err(Error::io("reading", &list, error)),
            }
        }
        Ok(keys)
    }
}

fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The file in a run's folder with the keys that it needs.
const LIST: &str = "needs";

impl Needs {
    /// Adds a key that was just found or made. Between its lookup and this call the lock has to be held.
    pub fn add(&mut self, key: Key) -> Result<()> {
        match &self.list {
            None => {
                self.keys.push(key);
                Ok(())
            }
            Some(list) => {
                self.disk.append(list, line(&key).as_bytes()).map_err(|error| Error::io("writing", list, error))
            }
        }
    }

    /// Writes the keys down in the run's folder and lets go of the lock, since the run is going to last.
    pub fn write_down(&mut self, scratch: &Scratch) -> Result<()> {
        if self.list.is_none() {
            let list = scratch.folder().join(LIST);
            let text: String = self.keys.iter().map(line).collect();
            self.disk.append(&list, text.as_bytes()).map_err(|error| Error::io("writing", &list, error))?;
            self.keys.clear();
            self.list = Some(list);
            self.lock = None;
        }
        Ok(())
    }

    /// Whether the lock was let go, so that whoever looks up has to share it again.
    pub fn is_written_down(&self) -> bool {
        self.list.is_some()
    }
}

/// A key's line. It begins one of its own, since a disk that was full may have left a part of another.
fn line(key: &Key) -> String {
    format!("\n{key}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::names::RunId;

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
        needs.add(key).unwrap();
        assert_eq!(store.needed_keys().unwrap(), [key]);
    }
}
