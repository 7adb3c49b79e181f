//! Digests of external inputs: files and folders that no stage makes, read again only when their status has changed.

use crate::error::{Error, Result};
use crate::fs::status::{FileStatus, Moment};
use crate::fs::walk::{Found, Kind, Links, Walk};
use crate::inputs::cache::{FolderCache, InputCache};
use crate::inputs::listing::ListingWriter;
use crate::inputs::snapshot::{Contents, FolderScanner, Scan, StatSnapshot, of_file, read, scan};
use crate::key::ArtifactHasher;
use crate::key::{Digest, FieldHasher};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The digests of external inputs.
pub struct ExternalInputs {
    cache: InputCache,
    files_read: usize,
    taken: BTreeMap<PathBuf, Taken>,
}

/// An input whose digest was taken.
struct Taken {
    snapshot: StatSnapshot,
    is_executable: bool,
}

/// What came of reading an input.
struct Content {
    scan: Scan,
    digest: Digest,
    unsettled: Contents,
}

impl ExternalInputs {
    /// The digests of inputs, as far as they are in the cache.
    pub fn new(cache: InputCache) -> Self {
        Self { cache, files_read: 0, taken: BTreeMap::new() }
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

    /// The digest of a file or folder that a command may run: whether a file can be executed is a part of it.
    ///
    /// # Errors
    /// As [`ExternalInputs::digest`].
    pub fn command_digest(&mut self, path: &Path) -> Result<Digest> {
        let content = self.digest(path)?;
        if !self.taken.get(path).is_some_and(|taken| taken.is_executable) {
            return Ok(content);
        }
        let mut hasher = FieldHasher::new("pipe-executable-1");
        hasher.field(content.as_bytes());
        Ok(hasher.finish())
    }

    /// How a file or folder was when its digest was taken, if it was.
    pub fn snapshot(&self, path: &Path) -> Option<StatSnapshot> {
        self.taken.get(path).map(|taken| taken.snapshot.clone())
    }

    /// How many files were read so far.
    pub fn files_read(&self) -> usize {
        self.files_read
    }

    /// Remembers what was read. Losing it only costs reading the files again.
    pub fn save(&mut self) {
        tracing::debug!("{} files of external inputs were read", self.files_read);
        self.cache.save();
    }

    /// The digest that is remembered of an input whose status has stayed.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn remembered(&self, path: &Path) -> Result<Option<Digest>> {
        Ok(self.look_up(path)?.map(|(_, content)| content))
    }

    fn look_up(&self, path: &Path) -> Result<Option<(Scan, Digest)>> {
        let Some((seen, content)) = self.cache.input(path) else { return Ok(None) };
        let scan = scan(path)?;
        Ok((scan.seen == seen).then_some((scan, content)))
    }

    fn attempt(&mut self, path: &Path) -> Result<Digest> {
        if let Some((scan, content)) = self.look_up(path)? {
            let snapshot = StatSnapshot::of_input(path, Moment::now(), scan.seen, &Contents::default());
            self.taken.insert(path.to_owned(), Taken { snapshot, is_executable: scan.is_executable });
            return Ok(content);
        }
        let begun = begin(path)?;
        let Content { scan, digest, unsettled } =
            if path.is_dir() { self.folder(path, begun)? } else { self.file(path, begun)? };
        let snapshot = StatSnapshot::of_input(path, begun, scan.seen, &unsettled);
        if let Some(moved) = snapshot.moved_in_status()? {
            return Err(Error::moved(&moved));
        }
        self.taken.insert(path.to_owned(), Taken { snapshot, is_executable: scan.is_executable });
        if scan.settles < begun {
            self.cache.add_input(path, scan.seen, digest);
        }
        Ok(digest)
    }

    fn file(&mut self, path: &Path, begun: Moment) -> Result<Content> {
        // Whoever scans refuses what is neither file nor folder, which reading might wait for without end.
        scan(path)?;
        let status = FileStatus::of(path).map_err(|error| Error::io("reading", path, error))?;
        let mut unsettled = Contents::default();
        let digest = match self.cache.file(&status) {
            Some(digest) => digest,
            None => {
                let digest = read(&Found { listed: String::new(), path: path.to_owned(), status, kind: Kind::File })?;
                self.files_read += 1;
                if status.is_settled_at(begun) {
                    self.cache.add_file(&status, digest);
                } else {
                    unsettled.add("", &digest);
                }
                digest
            }
        };
        Ok(Content { scan: of_file(path, &status), digest, unsettled })
    }

    fn folder(&mut self, path: &Path, begun: Moment) -> Result<Content> {
        let mut files = self.cache.files_of(path);
        let mut walk = Walk::of(path, Links::Follow)?;
        let mut scanner = FolderScanner::new(path);
        let mut content = ArtifactHasher::new();
        let mut unsettled = Contents::default();
        let mut listing = ListingWriter::begin(self.cache.listings());
        loop {
            let found = walk.next_batch()?;
            scanner.add(&mut walk, &found);
            if found.is_empty() {
                break;
            }
            let (folders, found): (Vec<Found>, Vec<Found>) =
                found.into_iter().partition(|found| found.kind == Kind::EmptyFolder);
            let digests = self.digests(&found, &mut files)?;
            listing.add(&found, &digests);
            let mut folders = folders.iter().map(|folder| format!("{}/", folder.listed)).peekable();
            for (file, digest) in found.iter().zip(&digests) {
                while let Some(folder) = folders.next_if(|folder| *folder < file.listed) {
                    content.add_empty_folder(folder.trim_end_matches('/'));
                }
                content.add_file(&file.listed, file.status.size, digest, file.kind == Kind::Executable);
                let is_settled = file.status.is_settled_at(begun);
                files.add(file, *digest, is_settled);
                if !is_settled {
                    unsettled.add(&file.listed, digest);
                }
            }
            folders.for_each(|folder| content.add_empty_folder(folder.trim_end_matches('/')));
        }
        let digest = content.finish();
        listing.finish(digest);
        files.finish();
        Ok(Content { scan: scanner.finish(), digest, unsettled })
    }

    /// The digest of each file: as the cache has it, or read now, several at a time.
    fn digests(&mut self, files: &[Found], cache: &mut FolderCache) -> Result<Vec<Digest>> {
        let work: Vec<(&Found, Option<Digest>)> = files.iter().map(|file| (file, cache.digest(file))).collect();
        self.files_read += work.iter().filter(|(_, known)| known.is_none()).count();
        work.par_iter().with_min_len(16).map(|(file, known)| known.map_or_else(|| read(file), Ok)).collect()
    }
}

/// The moment at which reading may begin: now, but for a large file that was changed just now. To wait until its status is
/// settled is quicker than to read it again because it could not be remembered: a nanosecond a byte.
fn begin(path: &Path) -> Result<Moment> {
    let status = FileStatus::of(path).map_err(|error| Error::io("reading", path, error))?;
    let wait = status.settles().wait_from(Moment::now());
    if path.is_file() && wait <= Duration::from_nanos(status.size) {
        std::thread::sleep(wait);
    }
    Ok(Moment::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{Change, listing_changes};
    use crate::inputs::{Index, SledIndex};
    use crate::store::Store;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    /// An index in memory that counts.
    #[derive(Default)]
    struct Counting {
        rows: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
        opened: Cell<usize>,
    }

    impl Index for Rc<Counting> {
        fn get(&self, keys: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
            self.opened.set(self.opened.get() + 1);
            keys.iter().map(|key| self.rows.borrow().get(key).cloned()).collect()
        }

        fn put(&self, rows: &[(Vec<u8>, Vec<u8>)]) {
            self.opened.set(self.opened.get() + 1);
            self.rows.borrow_mut().extend(rows.iter().cloned());
        }
    }

    /// A folder with inputs in it, and what is remembered of them.
    struct Space {
        folder: tempfile::TempDir,
        index: Rc<Counting>,
    }

    impl Space {
        fn new(files: usize) -> Self {
            let space = Self { folder: tempfile::tempdir().unwrap(), index: Rc::default() };
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
            let mut inputs = self.external();
            let digest = inputs.digest(&self.inputs()).unwrap();
            inputs.save();
            (digest, self.index.opened.get(), inputs.files_read)
        }

        fn external(&self) -> ExternalInputs {
            let index = Box::new(Rc::clone(&self.index));
            ExternalInputs::new(InputCache::open(self.folder.path().join("index"), "p", index))
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
        let known = InputCache::known_inputs(&space.folder.path().join("index"));
        assert_eq!(known["p"], [space.inputs()], "a folder is one row");
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
        let artifact = space.store().seal(&space.inputs()).unwrap().unwrap();
        assert_eq!(space.digest().0, artifact.digest);
    }

    #[test]
    fn a_changed_file_has_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        let file = folder.path().join("a");
        let mut inputs = ExternalInputs::new(InputCache::open(folder.path().to_owned(), "p", Box::new(index)));
        std::fs::write(&file, "one").unwrap();
        let one = inputs.digest(&file).unwrap();
        assert_eq!(one, Digest::from(blake3::hash(b"one")));
        std::fs::write(&file, "two").unwrap();
        assert_ne!(inputs.digest(&file).unwrap(), one);
    }

    #[test]
    fn a_device_is_no_input() {
        let index = Rc::new(Counting::default());
        let mut inputs = ExternalInputs::new(InputCache::open(PathBuf::from("/nowhere"), "p", Box::new(index)));
        let error = inputs.digest(Path::new("/dev/null")).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("/dev/null is neither a file nor a folder", 14));
    }
}
