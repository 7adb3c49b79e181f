//! Whether files are still as they were, by their status, and by their content where the status cannot tell.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::flush::flush_pages;
use crate::fs::hash::hash_open_file;
use crate::fs::status::{FileStatus, Moment, Seen};
use crate::fs::walk::{Found, Kind, Links, Walk};
use crate::key::{Digest, FieldHasher};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How a file, or all files beneath a folder, once were: proof that they changed, or did not.
///
/// It notices what is written, added, removed, renamed, replaced or touched. It holds no list of files. It reads only files
/// that were changed so shortly before that another change may not show in their status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatSnapshot {
    path: PathBuf,
    links: Links,
    taken: Moment,
    seen: Seen,
    unsettled: Option<Digest>,
}

impl StatSnapshot {
    /// How an artifact's folder is now.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or has something in it that is neither file nor folder.
    pub fn of_artifact(folder: &Path) -> Result<Self> {
        Self::take(folder, Links::Refuse)
    }

    fn take(path: &Path, links: Links) -> Result<Self> {
        let taken = Moment::now();
        let (scan, unsettled) = look(path, links, Some(taken))?;
        Ok(Self { path: path.to_owned(), links, taken, seen: scan.seen, unsettled })
    }

    /// How an external input was when its content was read, which began at `taken`.
    pub(crate) fn of_input(path: &Path, taken: Moment, seen: Seen, unsettled: &Contents) -> Self {
        Self { path: path.to_owned(), links: Links::Follow, taken, seen, unsettled: unsettled.digest() }
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What changed since: the file, the youngest file beneath the folder, or a folder from which something was removed.
    /// `None` when all is as it was.
    ///
    /// # Errors
    /// When it is there and can no longer be read.
    pub fn moved(&self) -> Result<Option<PathBuf>> {
        self.compare(self.unsettled.map(|_| self.taken))
    }

    /// The same by status alone, for whoever has just read the content.
    pub(crate) fn moved_in_status(&self) -> Result<Option<PathBuf>> {
        self.compare(None)
    }

    fn compare(&self, taken: Option<Moment>) -> Result<Option<PathBuf>> {
        match look(&self.path, self.links, taken) {
            Ok((scan, unsettled)) if scan.seen == self.seen && (taken.is_none() || unsettled == self.unsettled) => {
                Ok(None)
            }
            Ok((scan, _)) => Ok(Some(scan.youngest)),
            Err(Error::InputMoved { path, .. } | Error::Unusable { path, .. }) => Ok(Some(path)),
            Err(Error::Io { path, source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Some(path)),
            Err(error) => Err(error),
        }
    }
}

/// What the status of a file, or of all files beneath a folder, came to.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// The digest of every path and status.
    pub(crate) seen: Seen,
    /// The file or folder that changed last.
    pub(crate) youngest: PathBuf,
    /// When the last of them settles.
    pub(crate) settles: Moment,
    /// Whether it is one file, which its owner may execute.
    pub(crate) is_executable: bool,
}

/// Looks at the status of an external input.
pub(crate) fn scan(path: &Path) -> Result<Scan> {
    look(path, Links::Follow, None).map(|(scan, _)| scan)
}

/// Looks at the status of a file, or of all files beneath a folder, and reads those that are not settled at `taken`.
fn look(path: &Path, links: Links, taken: Option<Moment>) -> Result<(Scan, Option<Digest>)> {
    let mut contents = Contents::default();
    let mut read = |files: &[Found]| -> Result<()> {
        let Some(taken) = taken else { return Ok(()) };
        let unsettled: Vec<&Found> =
            files.iter().filter(|file| file.kind != Kind::EmptyFolder && !file.status.is_settled_at(taken)).collect();
        let digests: Vec<Digest> =
            unsettled.par_iter().with_min_len(16).map(|file| read(file)).collect::<Result<_>>()?;
        unsettled.iter().zip(&digests).for_each(|(file, digest)| contents.add(&file.listed, digest));
        Ok(())
    };
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("reading", path, error))?;
    if !metadata.is_dir() {
        if !metadata.is_file() {
            return Err(Error::Unusable { path: path.to_owned(), problem: "is neither a file nor a folder" });
        }
        let status = FileStatus::from_metadata(&metadata);
        read(&[Found { listed: String::new(), path: path.to_owned(), status, kind: Kind::of(&metadata) }])?;
        return Ok((of_file(path, &status), contents.digest()));
    }
    let mut walk = Walk::of(path, links)?;
    let mut scanner = FolderScanner::new(path);
    loop {
        let files = walk.next_batch()?;
        scanner.add(&mut walk, &files);
        if files.is_empty() {
            return Ok((scanner.finish(), contents.digest()));
        }
        read(&files)?;
    }
}

/// Reads a file that stays as it is meanwhile, so that every later write moves its time stamps.
pub(crate) fn read(file: &Found) -> Result<Digest> {
    let opened = Disk::default().open(&file.path).map_err(|error| Error::io("reading", &file.path, error))?;
    flush_pages(&opened);
    let digest = hash_open_file(opened).map_err(|error| Error::io("reading", &file.path, error))?;
    match FileStatus::of(&file.path) {
        Ok(status) if status == file.status => Ok(digest),
        _ => Err(Error::moved(&file.path)),
    }
}

/// The contents of files whose status cannot be trusted yet.
#[derive(Default)]
pub(crate) struct Contents(Option<FieldHasher>);

impl Contents {
    /// Adds the next file.
    pub(crate) fn add(&mut self, listed: &str, content: &Digest) {
        let hasher = self.0.get_or_insert_with(|| FieldHasher::new("pipe-unsettled-1"));
        hasher.field(listed.as_bytes());
        hasher.field(content.as_bytes());
    }

    /// The digest of all; none where there were none.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.0.as_ref().map(FieldHasher::finish)
    }
}

/// What the status of one file comes to.
pub(crate) fn of_file(path: &Path, status: &FileStatus) -> Scan {
    Scan {
        seen: status.seen(),
        youngest: path.to_owned(),
        settles: status.settles(),
        is_executable: status.is_executable(),
    }
}

/// A scan of a folder that is being walked through.
pub(crate) struct FolderScanner {
    hasher: FieldHasher,
    youngest: PathBuf,
    changed: Moment,
    settles: Moment,
}

impl FolderScanner {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            hasher: FieldHasher::new("pipe-seen-folder-3"),
            youngest: folder.to_owned(),
            changed: Moment::default(),
            settles: Moment::default(),
        }
    }

    /// Adds the next files of a walk, and the folders that it entered for them.
    pub(crate) fn add(&mut self, walk: &mut Walk, files: &[Found]) {
        // What is in a folder is seen by its files; its own status only says when something was added or removed.
        for (path, status) in walk.entered() {
            self.compare(&path, &status);
        }
        for file in files {
            self.hasher.field(file.listed.as_bytes());
            file.status.feed(&mut self.hasher);
            self.compare(&file.path, &file.status);
        }
    }

    pub(crate) fn finish(self) -> Scan {
        Scan { seen: Seen::of(&self.hasher), youngest: self.youngest, settles: self.settles, is_executable: false }
    }

    /// A new file is as young as its folder, and it is the file that is meant.
    fn compare(&mut self, path: &Path, status: &FileStatus) {
        self.settles = self.settles.max(status.settles());
        if status.changed() >= self.changed {
            self.changed = status.changed();
            path.clone_into(&mut self.youngest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What a snapshot of a folder says after `change`, as a path in the folder.
    fn after(change: impl FnOnce(&Path)) -> Option<PathBuf> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("inputs");
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::write(root.join("a"), "one").unwrap();
        fs::write(root.join("inner/b"), "one").unwrap();
        let snapshot = StatSnapshot::take(&root, Links::Follow).unwrap();
        // The next change has another time than what is there.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change(&root);
        let moved = snapshot.moved().unwrap();
        moved.map(|path| path.strip_prefix(&root).unwrap().to_owned())
    }

    #[test]
    fn nothing_moved() {
        assert_eq!(after(|root| drop(fs::read(root.join("a")).unwrap())), None);
    }

    #[test]
    fn what_moved_is_named() {
        let named = |path: &str| Some(PathBuf::from(path));
        assert_eq!(after(|root| fs::write(root.join("inner/b"), "two").unwrap()), named("inner/b"), "written");
        assert_eq!(after(|root| fs::write(root.join("inner/c"), "one").unwrap()), named("inner/c"), "added");
        assert_eq!(after(|root| fs::remove_file(root.join("inner/b")).unwrap()), named("inner"), "removed");
        assert_eq!(after(|root| fs::remove_dir_all(root).unwrap()), named(""), "all removed");
        let touch = |root: &Path| fs::File::open(root.join("a")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(after(touch), named("a"), "touched");
        let replace = |root: &Path| {
            fs::write(root.with_extension("new"), "one").unwrap();
            fs::rename(root.with_extension("new"), root.join("a")).unwrap();
        };
        assert!(after(replace).is_some(), "replaced by a file with the same content");
    }

    #[test]
    fn a_file_alone_has_a_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "one").unwrap();
        let snapshot = StatSnapshot::take(&file, Links::Follow).unwrap();
        assert_eq!(snapshot.moved().unwrap(), None);
        fs::write(&file, "other").unwrap();
        assert_eq!(snapshot.moved().unwrap(), Some(file.clone()));
        fs::remove_file(&file).unwrap();
        assert_eq!(snapshot.moved().unwrap(), Some(file));
    }
}
