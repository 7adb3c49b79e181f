//! Digests of files and folders outside the store, read again only when their status has changed.
//!
//! Two things remember. A small sheet of the pipeline has one row for each input, with the digest of all that was seen of
//! it without reading: an input that did not change costs a walk and one comparison, and no database is opened. Behind it
//! the index has the digest of each file by its status, so that of a folder only the files that changed are read.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::hash::hash_file;
use crate::fs::status::{Moment, Status};
use crate::fs::walk::{Found, Kind, Links, Walk};
use crate::inputs::index::Index;
use crate::inputs::ledger::{Ledger, LedgerWriter};
use crate::inputs::listing::ListingWriter;
use crate::inputs::witness::{Looking, Sight, Witness, look, of_file};
use crate::key::ArtifactHasher;
use crate::key::Digest;
use fs_err as fs;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is remembered of one pipeline's inputs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sheet {
    inputs: BTreeMap<PathBuf, Remembered>,
}

impl Sheet {
    /// The sheet as it is written: a line with the digest of the rest, then JSON.
    fn encode(&self) -> Vec<u8> {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{}\n{text}", blake3::hash(text.as_bytes())).into_bytes()
    }

    /// Nothing, when a byte of it is not what was written: a wrong digest here would make a wrong key.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (seal, text) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
        (blake3::hash(text.as_bytes()).to_string() == seal).then(|| serde_json::from_str(text).ok())?
    }
}

/// An input, when its digest was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    /// The digest of its status, or of the paths and status of all files beneath it.
    seen: Digest,
    /// The digest of its content.
    content: Digest,
}

/// A row of the index.
type Row = (Vec<u8>, Vec<u8>);

/// The digests of files and folders outside the store.
pub struct OutsideFiles<'a> {
    path: PathBuf,
    sheet: Sheet,
    is_changed: bool,
    index: &'a dyn Index,
    added: Vec<Row>,
    files_read: usize,
    witnesses: BTreeMap<PathBuf, Witness>,
}

impl<'a> OutsideFiles<'a> {
    /// What is remembered at `path`, and in the index behind it.
    pub fn open(path: PathBuf, index: &'a dyn Index) -> Self {
        let sheet = fs::read(&path).ok().and_then(|bytes| Sheet::decode(&bytes)).unwrap_or_default();
        Self { path, sheet, is_changed: false, index, added: Vec::new(), files_read: 0, witnesses: BTreeMap::new() }
    }

    /// The digest of a file, or of a folder as an artifact.
    ///
    /// # Errors
    /// When it cannot be read, has something in it that is neither file nor folder, or keeps changing while it is read.
    pub fn digest(&mut self, path: &Path) -> Result<Digest> {
        const ATTEMPTS: usize = 3;
        for _ in 1..ATTEMPTS {
            match self.attempt(path) {
                Err(Error::InputMoved { .. }) => {}
                ended => return ended,
            }
        }
        self.attempt(path)
    }

    /// How a file or folder was when its digest was taken, if it was.
    pub fn witness(&self, path: &Path) -> Option<Witness> {
        self.witnesses.get(path).cloned()
    }

    /// Remembers what was added. Losing it only costs reading the files again.
    pub fn save(&mut self) {
        tracing::debug!("{} files outside the store were read", self.files_read);
        if !self.added.is_empty() {
            self.index.put(&std::mem::take(&mut self.added));
        }
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let written = self
            .path
            .parent()
            .map(|folder| durable::make_folder(&Disk::default(), folder))
            .transpose()
            .and_then(|_| durable::replace(&Disk::default(), &self.path, &self.sheet.encode()));
        if let Err(error) = written {
            tracing::debug!("{} could not be written: {error}", self.path.display());
        }
    }

    fn attempt(&mut self, path: &Path) -> Result<Digest> {
        if let Some(known) = self.sheet.inputs.get(path).copied()
            && look(path)?.seen == known.seen
        {
            self.witnesses.insert(path.to_owned(), Witness::new(path.to_owned(), known.seen));
            return Ok(known.content);
        }
        let begun = settled(path)?;
        let (sight, content) = if path.is_dir() { self.folder(path, begun)? } else { self.file(path, begun)? };
        let witness = Witness::new(path.to_owned(), sight.seen);
        if let Some(moved) = witness.moved()? {
            return Err(Error::moved(&moved));
        }
        self.witnesses.insert(path.to_owned(), witness);
        if sight.changed.is_settled_at(begun) {
            self.sheet.inputs.insert(path.to_owned(), Remembered { seen: sight.seen, content });
            self.is_changed = true;
        }
        Ok(content)
    }

    fn file(&mut self, path: &Path, begun: Moment) -> Result<(Sight, Digest)> {
        // Whoever looks refuses what is neither file nor folder, which reading might wait for without end.
        look(path)?;
        let status = Status::of(path).map_err(|error| Error::io("reading", path, error))?;
        let row = status.row();
        let known = self.index.get(std::slice::from_ref(&row)).pop().flatten();
        let digest = match known.and_then(|row| Digest::from_slice(&row)) {
            Some(digest) => digest,
            None => {
                let digest = read(&Found { listed: String::new(), path: path.to_owned(), status, kind: Kind::File })?;
                self.files_read += 1;
                if status.changed().is_settled_at(begun) {
                    self.added.push((row, digest.as_bytes().to_vec()));
                }
                digest
            }
        };
        Ok((of_file(path, &status), digest))
    }

    fn folder(&mut self, path: &Path, begun: Moment) -> Result<(Sight, Digest)> {
        let ledgers = self.path.with_file_name("folders");
        let (mut ledger, mut next) = (Ledger::open(&ledgers, path), LedgerWriter::begin(&ledgers, path));
        let mut walk = Walk::of(path, Links::Follow)?;
        let mut looking = Looking::new(path);
        let mut content = ArtifactHasher::new();
        let mut listing = ListingWriter::begin(self.path.with_file_name("listings"));
        loop {
            let files = walk.next_batch()?;
            looking.add(&mut walk, &files);
            if files.is_empty() {
                break;
            }
            let (folders, files): (Vec<Found>, Vec<Found>) =
                files.into_iter().partition(|found| found.kind == Kind::EmptyFolder);
            let digests = self.digests(&files, &mut ledger)?;
            listing.add(&files, &digests);
            let mut folders = folders.iter().map(|folder| format!("{}/", folder.listed)).peekable();
            for (file, digest) in files.iter().zip(&digests) {
                while let Some(folder) = folders.next_if(|folder| *folder < file.listed) {
                    content.add_empty_folder(folder.trim_end_matches('/'));
                }
                content.add_file(&file.listed, file.status.size, digest, file.kind == Kind::Executable);
                next.add(file, *digest, file.status.changed().is_settled_at(begun));
            }
            folders.for_each(|folder| content.add_empty_folder(folder.trim_end_matches('/')));
        }
        let digest = content.finish();
        listing.finish(digest);
        next.finish();
        Ok((looking.finish(), digest))
    }

    /// The digest of each file: as the ledger has it, or read now, several at a time.
    fn digests(&mut self, files: &[Found], ledger: &mut Ledger) -> Result<Vec<Digest>> {
        let work: Vec<(&Found, Option<Digest>)> = files.iter().map(|file| (file, ledger.digest(file))).collect();
        self.files_read += work.iter().filter(|(_, known)| known.is_none()).count();
        work.par_iter().with_min_len(16).map(|(file, known)| known.map_or_else(|| read(file), Ok)).collect()
    }
}

/// The moment at which reading may begin: now, but for a large file that was changed just now. To wait for the clock's
/// next tick is quicker than to read it twice because it could not be remembered.
fn settled(path: &Path) -> Result<Moment> {
    const LARGE: u64 = 16 << 20;
    let status = Status::of(path).map_err(|error| Error::io("reading", path, error))?;
    if path.is_file() && status.size >= LARGE {
        std::thread::sleep(status.changed().unsettled_for(Moment::now()));
    }
    Ok(Moment::now())
}

/// Reads a file that stays as it is meanwhile.
fn read(file: &Found) -> Result<Digest> {
    let digest = hash_file(&Disk::default(), &file.path)?;
    match Status::of(&file.path) {
        Ok(status) if status == file.status => Ok(digest),
        _ => Err(Error::moved(&file.path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::index::SledIndex;
    use crate::inputs::{Change, listing_changes};
    use crate::store::Store;
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    /// An index in memory that counts.
    #[derive(Default)]
    struct Counting {
        rows: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
        opened: Cell<usize>,
    }

    impl Index for Counting {
        fn get(&self, keys: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
            self.opened.set(self.opened.get() + 1);
            keys.iter().map(|key| self.rows.borrow().get(key).cloned()).collect()
        }

        fn put(&self, rows: &[Row]) {
            self.opened.set(self.opened.get() + 1);
            self.rows.borrow_mut().extend(rows.iter().cloned());
        }
    }

    /// A folder with inputs in it, and what is remembered of them.
    struct Space {
        folder: tempfile::TempDir,
        index: Counting,
    }

    impl Space {
        fn new(files: usize) -> Self {
            let space = Self { folder: tempfile::tempdir().unwrap(), index: Counting::default() };
            for number in 0..files {
                space.write(&format!("{}/{number}", number % 3), "content");
            }
            settle();
            space
        }

        fn inputs(&self) -> PathBuf {
            self.folder.path().join("inputs")
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.inputs().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        /// The digest as another process takes it, how often it opened the index, and how many files it read.
        fn digest(&self) -> (Digest, usize, usize) {
            self.index.opened.set(0);
            let mut outside = OutsideFiles::open(self.folder.path().join("index/sheet.json"), &self.index);
            let digest = outside.digest(&self.inputs()).unwrap();
            outside.save();
            (digest, self.index.opened.get(), outside.files_read)
        }

        fn store(&self) -> Store {
            Store::new(self.folder.path().to_owned())
        }
    }

    fn settle() {
        std::thread::sleep(Duration::from_millis(80));
    }

    #[test]
    fn an_unchanged_folder_opens_no_index_and_reads_no_file() {
        let space = Space::new(30);
        let (first, _, read) = space.digest();
        assert_eq!(read, 30);
        assert_eq!(space.digest(), (first, 0, 0));
        let sheet = std::fs::read_to_string(space.folder.path().join("index/sheet.json")).unwrap();
        assert_eq!(sheet.matches("seen").count(), 1, "a folder is one row");
    }

    #[test]
    fn a_touched_file_is_the_only_one_that_is_read_again() {
        let space = Space::new(30);
        let (first, ..) = space.digest();
        space.write("1/4", "content");
        settle();
        let (again, _, read) = space.digest();
        assert_eq!((again, read), (first, 1));
        assert_eq!(space.digest(), (first, 0, 0));
    }

    #[test]
    fn added_removed_renamed_and_changed_files_make_another_digest() {
        let space = Space::new(4);
        let (first, ..) = space.digest();
        let mut seen = vec![first];
        let inputs = space.inputs();
        let mut expect = |expected: &[Change]| {
            let last = seen[seen.len() - 1];
            let (now, ..) = space.digest();
            assert!(!seen.contains(&now), "{expected:?}");
            assert_eq!(
                listing_changes(&space.folder.path().join("index"), last, now).unwrap().collect::<Vec<_>>(),
                expected
            );
            seen.push(now);
        };
        space.write("new", "content");
        expect(&[Change::Added("new".to_owned())]);
        std::fs::rename(inputs.join("new"), inputs.join("renamed")).unwrap();
        expect(&[Change::Removed("new".to_owned()), Change::Added("renamed".to_owned())]);
        space.write("renamed", "another");
        expect(&[Change::Changed("renamed".to_owned())]);
        std::fs::remove_file(inputs.join("1/1")).unwrap();
        expect(&[Change::Removed("1/1".to_owned())]);
    }

    #[test]
    fn a_folder_with_an_unsettled_file_is_not_remembered() {
        let space = Space::new(4);
        space.write("2/young", "content");
        let (first, _, read) = space.digest();
        assert_eq!(read, 5);
        settle();
        let (again, _, read) = space.digest();
        assert_eq!((again, read), (first, 1), "the young file was not remembered");
        assert_eq!(space.digest(), (first, 0, 0));
    }

    #[test]
    fn a_folders_digest_is_its_artifacts() {
        let space = Space::new(7);
        space.write("1.x", "beside a folder whose name it begins with");
        std::fs::create_dir_all(space.inputs().join("1/empty/inner")).unwrap();
        std::fs::create_dir(space.inputs().join("last")).unwrap();
        std::fs::set_permissions(space.inputs().join("2/2"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        std::fs::set_permissions(space.inputs().join("2/5"), std::os::unix::fs::PermissionsExt::from_mode(0o655))
            .unwrap();
        let artifact = space.store().seal(&space.inputs()).unwrap().unwrap();
        assert_eq!(space.digest().0, artifact.digest);
    }

    #[test]
    fn a_changed_file_has_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        let file = folder.path().join("a");
        let mut outside = OutsideFiles::open(folder.path().join("sheet.json"), &index);
        std::fs::write(&file, "one").unwrap();
        let one = outside.digest(&file).unwrap();
        assert_eq!(one, Digest::from(blake3::hash(b"one")));
        std::fs::write(&file, "two").unwrap();
        assert_ne!(outside.digest(&file).unwrap(), one);
    }

    #[test]
    fn a_device_is_no_input() {
        let index = Counting::default();
        let mut outside = OutsideFiles::open(PathBuf::from("/nowhere/sheet.json"), &index);
        let error = outside.digest(Path::new("/dev/null")).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("/dev/null is neither a file nor a folder", 14));
    }
}
