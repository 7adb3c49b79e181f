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
    pub fn needs(&self) -> Needs {
        Needs { disk: self.disk.clone(), lock: self.share(), keys: Vec::new(), list: None }
    }

    /// Holds the store's lock together with all who look up or add.
    pub(crate) fn share(&self) -> Option<FileLock> {
        FileLock::wait_shared(&self.disk, &self.lock_path()).ok().flatten()
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The keys that runs which are alive have written down.
    pub fn needed_keys(&self) -> Result<Vec<Key>> {
        let tmp = self.root.join("tmp");
        let Ok(entries) = self.disk.list(&tmp) else { return Ok(Vec::new()) };
        let mut keys = Vec::new();
        for list in entries.iter().map(|folder| folder.join(LIST)).filter(|list| list.is_file()) {
            let text = self.disk.read(&list).map_err(|error| Error::io("reading", &list, error))?;
            keys.extend(String::from_utf8_lossy(&text).lines().filter_map(Key::parse));
        }
        Ok(keys)
    }
}

/// The file in a run's folder with the keys that it needs.
const LIST: &str = "needs";

impl Needs {
    /// Adds a key that was just found or made. Between its lookup and this call the lock has to be held.
    pub fn add(&mut self, key: Key) -> Result<()> {
        match &self.list {
            None => self.keys.push(key),
            Some(list) => self
                .disk
                .append(list, format!("{key}\n").as_bytes())
                .map_err(|error| Error::io("writing", list, error))?,
        }
        Ok(())
    }

    /// Writes the keys down in the run's folder and lets go of the lock, since the run is going to last.
    pub fn write_down(&mut self, scratch: &Scratch) -> Result<()> {
        if self.list.is_none() {
            let list = scratch.folder().join(LIST);
            let text: String = self.keys.drain(..).map(|key| format!("{key}\n")).collect();
            self.disk.append(&list, text.as_bytes()).map_err(|error| Error::io("writing", &list, error))?;
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
