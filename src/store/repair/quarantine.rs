//! Quarantine: what was found damaged is moved to a folder of its own, so that it is made again and nothing is lost.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::fs::lock::FileLock;
use crate::key::{Digest, Key};
use crate::store::{Lookup, Store};
use std::path::{Path, PathBuf};

/// The folder of what was found damaged, and the name that it had in older stores, which is only read.
pub(crate) const QUARANTINES: [&str; 2] = ["quarantine", "set-aside"];

impl Store {
    /// Moves a damaged record, and the artifact at fault, to quarantine, so that they are made again and nothing is lost.
    /// What another stage has put right meanwhile stays.
    pub fn quarantine(&self, key: Key, artifact: Option<Digest>) -> Result<()> {
        if let Some(digest) = artifact {
            let repair = self.lock_repair(&digest)?;
            let home = self.artifact(&digest);
            let still = matches!(self.lookup_here(key)?, Lookup::Damaged { artifact: Some(now), .. } if now == digest);
            if still && home.exists() {
                self.move_to_quarantine(&home)?;
            }
            repair.remove(&self.disk);
        }
        let record = self.action_path(key);
        if record.exists() { self.move_to_quarantine(&record).map(drop) } else { Ok(()) }
    }

    /// Moves an artifact to quarantine that somebody has written to, by its folder. Any other path is left alone.
    pub fn distrust(&self, folder: &Path) -> Result<()> {
        if folder.parent() == Some(&self.root.join("store")) {
            self.move_to_quarantine(folder).map(drop)
        } else {
            Ok(())
        }
    }

    /// How many things are in quarantine: damaged records and artifacts, and indexes.
    pub fn quarantined_count(&self) -> usize {
        let is_index =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sled.damaged-"));
        let indexes = self.names_in("index").unwrap_or_default();
        self.in_quarantine().unwrap_or_default().len() + indexes.iter().filter(|path| is_index(path)).count()
    }

    /// The damaged records and artifacts that were found.
    pub(crate) fn in_quarantine(&self) -> Result<Vec<PathBuf>> {
        let found: Vec<Vec<PathBuf>> = QUARANTINES.iter().map(|folder| self.names_in(folder)).collect::<Result<_>>()?;
        Ok(found.concat())
    }

    /// The right to move a damaged artifact away: whoever had it before may have put the artifact right.
    pub(crate) fn lock_repair(&self, digest: &Digest) -> Result<FileLock> {
        FileLock::wait_alone(&self.disk, &self.local().lock_path(&format!("{digest}.repair")))
    }

    /// Moves a file or folder of the store to quarantine. Gives the place where it is now.
    pub(crate) fn move_to_quarantine(&self, from: &Path) -> Result<PathBuf> {
        let folder = self.root.join(QUARANTINES[0]);
        durable::make_folder(&self.disk, &folder)?;
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let to = (0..)
            .map(|count| folder.join(format!("{name}.{count}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| folder.join(&*name));
        self.disk.rename(from, &to).map_err(|error| Error::io("writing", &to, error))?;
        // Its old name may be flushed away at any time, and then it must have the new one.
        durable::sync_folder(&self.disk, &folder)?;
        Ok(to)
    }
}
