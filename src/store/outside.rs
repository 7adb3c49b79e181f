//! Digests of files and folders outside the store, read again only when their status has changed.
//!
//! A digest is remembered by (device, inode, size, mtime, ctime): first in a small sheet of the pipeline, so that a run
//! with nothing to do opens no database, then in the index.

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::store::artifact::{Artifact, FileEntry, Links, files_beneath, hash_file, listed};
use crate::store::disk::Disk;
use crate::store::durable;
use crate::store::index::Index;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file's status. While it stays, so does the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Status {
    device: u64,
    inode: u64,
    size: u64,
    mtime: i128,
    ctime: i128,
}

/// Two writes within one tick of the clock leave one status, so a younger file's digest is not remembered.
const TICK: i128 = 50_000_000;

impl Status {
    /// The status of the file at `path`.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        std::fs::metadata(path).map(|found| Self::from(&found))
    }

    /// When it was modified, in seconds since 1970.
    pub(crate) fn modified(&self) -> u64 {
        u64::try_from(self.mtime / 1_000_000_000).unwrap_or(0)
    }

    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().cast_signed());
        now - self.ctime.max(self.mtime) > TICK
    }

    fn row(&self) -> Vec<u8> {
        format!("file/{}/{}/{}/{}/{}", self.device, self.inode, self.size, self.mtime, self.ctime).into_bytes()
    }
}

impl From<&std::fs::Metadata> for Status {
    fn from(found: &std::fs::Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            mtime: nanoseconds(found.mtime(), found.mtime_nsec()),
            ctime: nanoseconds(found.ctime(), found.ctime_nsec()),
        }
    }
}

/// What is remembered of files for one pipeline.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sheet {
    files: BTreeMap<PathBuf, (Status, Digest)>,
}

/// The digests of files outside the store.
pub struct OutsideFiles<'a> {
    path: PathBuf,
    sheet: Sheet,
    index: &'a dyn Index,
    added: Vec<(Vec<u8>, Vec<u8>)>,
    seen: BTreeMap<PathBuf, Status>,
}

impl<'a> OutsideFiles<'a> {
    /// What is remembered at `path`, and in the index behind it.
    pub fn open(path: PathBuf, index: &'a dyn Index) -> Self {
        let sheet = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { path, sheet, index, added: Vec::new(), seen: BTreeMap::new() }
    }

    /// The digest of a file, or of a folder as an artifact.
    pub fn digest(&mut self, path: &Path) -> Result<Digest> {
        if !path.is_dir() {
            return self.file(path);
        }
        let files = match files_beneath(path, Links::Follow)? {
            Ok(files) => files,
            Err(message) => return Err(Error::Missing(vec![message])),
        };
        let mut entries = Vec::with_capacity(files.len());
        for file in files {
            let whole = path.join(&file);
            let size = Status::of(&whole).map_err(|error| Error::io("reading", &whole, error))?.size;
            entries.push(FileEntry { path: listed(&file), size, digest: self.file(&whole)? });
        }
        Ok(Artifact::of(entries).digest)
    }

    /// The digest of a file that stays as it is while it is read.
    fn file(&mut self, path: &Path) -> Result<Digest> {
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            if let Some(digest) = self.attempt(path)? {
                return Ok(digest);
            }
        }
        Err(Error::InputMoved { stage: "pipe".to_owned(), path: path.to_owned() })
    }

    /// The digest, or nothing when the file changed while it was read.
    fn attempt(&mut self, path: &Path) -> Result<Option<Digest>> {
        let failed = |error| Error::io("reading", path, error);
        let status = Status::of(path).map_err(failed)?;
        self.seen.insert(path.to_owned(), status);
        if let Some((known, digest)) = self.sheet.files.get(path)
            && *known == status
        {
            return Ok(Some(*digest));
        }
        let row = status.row();
        let remembered = self.index.get(std::slice::from_ref(&row)).pop().flatten();
        let digest = match remembered.and_then(|bytes| Digest::parse(&String::from_utf8_lossy(&bytes))) {
            Some(digest) => digest,
            None => hash_file(&Disk::default(), path)?,
        };
        if Status::of(path).map_err(failed)? != status {
            return Ok(None);
        }
        if status.is_settled() {
            self.added.push((row, digest.to_string().into_bytes()));
            self.sheet.files.insert(path.to_owned(), (status, digest));
        }
        Ok(Some(digest))
    }

    /// The files beneath `path` whose digests were taken, each with the status that it had then.
    pub fn seen_beneath(&self, path: &Path) -> Vec<(PathBuf, Status)> {
        self.seen
            .iter()
            .filter(|(file, _)| file.starts_with(path))
            .map(|(file, status)| (file.clone(), *status))
            .collect()
    }

    /// Remembers what was added. Losing it only costs reading the files again.
    pub fn save(&mut self) {
        if self.added.is_empty() {
            return;
        }
        self.index.put(&std::mem::take(&mut self.added));
        let written =
            self.path.parent().map(|folder| durable::make_folder(&Disk::default(), folder)).transpose().and_then(
                |_| {
                    let bytes = serde_json::to_vec(&self.sheet).unwrap_or_default();
                    durable::replace(&Disk::default(), &self.path, &bytes)
                },
            );
        if let Err(error) = written {
            tracing::debug!("{} could not be written: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::index::SledIndex;
    use std::time::Duration;

    #[test]
    fn a_changed_file_has_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        let file = folder.path().join("a");
        let mut outside = OutsideFiles::open(folder.path().join("sheet.json"), &index);
        std::fs::write(&file, "one").unwrap();
        let one = outside.digest(&file).unwrap();
        std::fs::write(&file, "two").unwrap();
        assert_ne!(outside.digest(&file).unwrap(), one);
    }

    #[test]
    fn a_settled_file_is_remembered_without_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        std::thread::sleep(Duration::from_millis(80));
        let mut outside = OutsideFiles::open(folder.path().join("sheet.json"), &index);
        let digest = outside.digest(&file).unwrap();
        outside.save();
        let again = OutsideFiles::open(folder.path().join("sheet.json"), &index);
        assert_eq!(again.sheet.files[&file].1, digest);
    }
}
