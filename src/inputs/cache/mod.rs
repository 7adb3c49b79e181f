//! What is remembered of external inputs: the digest of each content by the status that was seen with it.
//!
//! [`InputCache`] owns three tables of one format ([`rows`]). The pipeline's own has a row for each of its inputs, a file or a
//! whole folder: an input that did not change costs a look at its status and one comparison. Each folder has one with a
//! row for each file in it, so that only the files that changed are read. The index has a row for each file that is an
//! input by itself, which all pipelines share. Whatever is lost or damaged costs reading the input again.

mod rows;

use crate::fs::status::{FileStatus, Seen};
use crate::fs::walk::Found;
use crate::inputs::index::Index;
use crate::key::Digest;
use rows::{Row, Rows, TableWriter};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The digests of a pipeline's external inputs, as far as they are known.
pub struct InputCache {
    folder: PathBuf,
    pipeline: String,
    inputs: BTreeMap<Vec<u8>, Row>,
    is_changed: bool,
    index: Box<dyn Index>,
    added: Vec<Row>,
}

impl InputCache {
    /// The cache of a pipeline's inputs in `folder`, with the index behind it.
    pub fn open(folder: PathBuf, pipeline: &str, index: Box<dyn Index>) -> Self {
        let rows = Rows::open(&table(&folder, pipeline));
        let inputs = rows.map(|row| (row.name.clone(), row)).collect();
        Self { folder, pipeline: pipeline.to_owned(), inputs, is_changed: false, index, added: Vec::new() }
    }

    /// The paths of all inputs that the caches in `folder` have, by pipeline.
    pub fn known_inputs(folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
        let entries = std::fs::read_dir(pipelines(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let path = |row: Row| PathBuf::from(OsString::from_vec(row.name));
        names
            .filter(|name| !name.starts_with('.'))
            .map(|name| {
                let paths = Rows::open(&table(folder, &name)).map(path).collect();
                (name, paths)
            })
            .collect()
    }

    /// Remembers what was added. Losing it only costs reading the files again.
    pub(crate) fn save(&mut self) {
        if !self.added.is_empty() {
            let rows = std::mem::take(&mut self.added);
            let rows: Vec<_> = rows.into_iter().map(|row| (key(row.seen), row.encode())).collect();
            self.index.put(&rows);
        }
        if std::mem::take(&mut self.is_changed) {
            let mut writer = TableWriter::begin(table(&self.folder, &self.pipeline));
            self.inputs.values().for_each(|row| writer.add(row));
            writer.finish();
        }
    }

    /// What was seen of an input, a file or a whole folder, when its digest was taken, and the digest.
    pub(crate) fn input(&self, path: &Path) -> Option<(Seen, Digest)> {
        self.inputs.get(path.as_os_str().as_bytes()).map(|row| (row.seen, row.content))
    }

    /// Adds the digest of an input whose status is settled.
    pub(crate) fn add_input(&mut self, path: &Path, seen: Seen, content: Digest) {
        let name = path.as_os_str().as_bytes().to_vec();
        self.inputs.insert(name.clone(), Row { name, seen, content });
        self.is_changed = true;
    }

    /// The digest of a file that has this status, whatever pipeline read it.
    pub(crate) fn file(&self, status: &FileStatus) -> Option<Digest> {
        let seen = status.seen();
        let bytes = self.index.get(&[key(seen)]).pop().flatten()?;
        Row::read(&mut bytes.as_slice()).filter(|row| row.seen == seen).map(|row| row.content)
    }

    /// Adds the digest of a file whose status is settled.
    pub(crate) fn add_file(&mut self, status: &FileStatus, content: Digest) {
        self.added.push(Row { name: Vec::new(), seen: status.seen(), content });
    }

    /// The digests of the files in a folder, to be read and written along with a walk.
    pub(crate) fn files_of(&self, folder: &Path) -> FolderCache {
        let name = Digest::from(blake3::hash(folder.as_os_str().as_bytes())).to_string();
        let path = self.folder.join("folders").join(name);
        let mut known = Rows::open(&path);
        let next = known.next();
        FolderCache { known, next, renewed: TableWriter::begin(path) }
    }

    /// Where the lists of files of folders are kept.
    pub(crate) fn listings(&self) -> PathBuf {
        self.folder.join("listings")
    }
}

/// The digests of the files in one folder. It holds one row, however many there are.
pub(crate) struct FolderCache {
    known: Rows,
    next: Option<Row>,
    renewed: TableWriter,
}

impl FolderCache {
    /// The digest of a file whose status has stayed. Files have to be asked for in the order of a walk.
    pub(crate) fn digest(&mut self, file: &Found) -> Option<Digest> {
        let name = file.listed.as_bytes();
        while self.next.as_ref().is_some_and(|row| row.name.as_slice() < name) {
            self.next = self.known.next();
        }
        let row = self.next.as_ref().filter(|row| row.name == name)?;
        (row.seen == file.status.seen()).then_some(row.content)
    }

    /// Adds the next file. One that is not settled is noted so that it is read again.
    pub(crate) fn add(&mut self, file: &Found, content: Digest, is_settled: bool) {
        let seen = if is_settled { file.status.seen() } else { Seen::NOTHING };
        self.renewed.add(&Row { name: file.listed.as_bytes().to_vec(), seen, content });
    }

    /// Puts what was added in the place of what was known.
    pub(crate) fn finish(self) {
        self.renewed.finish();
    }
}

fn pipelines(folder: &Path) -> PathBuf {
    folder.join("inputs")
}

fn table(folder: &Path, pipeline: &str) -> PathBuf {
    pipelines(folder).join(pipeline)
}

fn key(seen: Seen) -> Vec<u8> {
    [b"file/".as_slice(), &seen.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::index::SledIndex;

    fn found(folder: &Path, name: &str) -> Found {
        let path = folder.join(name);
        std::fs::write(&path, name).unwrap();
        Found {
            listed: name.to_owned(),
            status: FileStatus::of(&path).unwrap(),
            path,
            kind: crate::fs::walk::Kind::File,
        }
    }

    fn content(name: &str) -> Digest {
        blake3::hash(name.as_bytes()).into()
    }

    #[test]
    fn files_are_found_again_in_order_and_unsettled_ones_are_not() {
        let (folder, index) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = || {
            let sled = Box::new(SledIndex::new(index.path().join("sled")));
            InputCache::open(index.path().to_owned(), "p", sled)
        };
        let files = ["a", "b", "d"].map(|name| found(folder.path(), name));
        let mut renewed = open().files_of(folder.path());
        for file in &files {
            renewed.add(file, content(&file.listed), file.listed != "b");
        }
        renewed.finish();
        let mut known = open().files_of(folder.path());
        assert_eq!(known.digest(&files[0]), Some(content("a")));
        assert_eq!(known.digest(&files[1]), None);
        assert_eq!(known.digest(&found(folder.path(), "c")), None);
        assert_eq!(known.digest(&files[2]), Some(content("d")));
        assert_eq!(known.digest(&found(folder.path(), "e")), None);
    }

    #[test]
    fn a_files_digest_is_known_to_every_pipeline() {
        let (folder, index) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |pipeline: &str| {
            let sled = Box::new(SledIndex::new(index.path().join("sled")));
            InputCache::open(index.path().to_owned(), pipeline, sled)
        };
        let file = found(folder.path(), "a");
        let mut cache = open("p");
        cache.add_file(&file.status, content("a"));
        cache.add_input(&file.path, file.status.seen(), content("a"));
        cache.save();
        assert_eq!(open("p").input(&file.path), Some((file.status.seen(), content("a"))));
        assert_eq!(open("q").input(&file.path), None);
        assert_eq!(open("q").file(&file.status), Some(content("a")));
        assert_eq!(InputCache::known_inputs(index.path()), BTreeMap::from([("p".to_owned(), vec![file.path])]));
    }
}
