//! Whether files are still as they were, by their status alone.

use crate::error::{Error, Result};
use crate::fs::status::{Moment, Status};
use crate::fs::walk::{Found, Links, Walk};
use crate::key::{Digest, FieldHasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How a file, or all files beneath a folder, once were: proof that they changed, or did not.
///
/// It notices what is written, added, removed, renamed, replaced or touched. It holds no list of files, and it reads none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    path: PathBuf,
    seen: Digest,
}

impl Witness {
    /// How the file or folder is now, looking through links.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or has something in it that is neither file nor folder.
    pub fn of(path: &Path) -> Result<Self> {
        Ok(Self::new(path.to_owned(), look(path)?.seen))
    }

    pub(crate) fn new(path: PathBuf, seen: Digest) -> Self {
        Self { path, seen }
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
        match look(&self.path) {
            Ok(sight) if sight.seen == self.seen => Ok(None),
            Ok(sight) => Ok(Some(sight.youngest)),
            Err(Error::InputMoved { path, .. } | Error::Unusable { path, .. }) => Ok(Some(path)),
            Err(Error::Io { path, source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Some(path)),
            Err(error) => Err(error),
        }
    }
}

/// What a look at the status of a file, or of all files beneath a folder, came to.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// The digest of every path and status.
    pub(crate) seen: Digest,
    /// The file or folder that changed last.
    pub(crate) youngest: PathBuf,
    /// When that was.
    pub(crate) changed: Moment,
}

/// Looks at the status of a file, or of all files beneath a folder.
pub(crate) fn look(path: &Path) -> Result<Sight> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("reading", path, error))?;
    if !metadata.is_dir() {
        let status = Status::from_metadata(&metadata);
        return if metadata.is_file() {
            Ok(of_file(path, &status))
        } else {
            Err(Error::Unusable { path: path.to_owned(), what: "is neither a file nor a folder" })
        };
    }
    let mut walk = Walk::of(path, Links::Follow)?;
    let mut looking = Looking::new(path);
    loop {
        let files = walk.next_batch()?;
        looking.add(&mut walk, &files);
        if files.is_empty() {
            return Ok(looking.finish());
        }
    }
}

/// What a look at one file comes to.
pub(crate) fn of_file(path: &Path, status: &Status) -> Sight {
    let mut hasher = FieldHasher::new("pipe-seen-file-1");
    status.feed(&mut hasher);
    Sight { seen: hasher.finish(), youngest: path.to_owned(), changed: status.changed() }
}

/// A look at a folder that is being walked through.
pub(crate) struct Looking {
    hasher: FieldHasher,
    youngest: PathBuf,
    changed: Moment,
}

impl Looking {
    pub(crate) fn new(folder: &Path) -> Self {
        let hasher = FieldHasher::new("pipe-seen-folder-2");
        Self { hasher, youngest: folder.to_owned(), changed: Moment::default() }
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

    pub(crate) fn finish(self) -> Sight {
        Sight { seen: self.hasher.finish(), youngest: self.youngest, changed: self.changed }
    }

    /// A new file is as young as its folder, and it is the file that is meant.
    fn compare(&mut self, path: &Path, status: &Status) {
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

    /// What a witness of a folder says after `change`, as a path in the folder.
    fn after(change: impl FnOnce(&Path)) -> Option<PathBuf> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("inputs");
        fs::create_dir_all(root.join("inner")).unwrap();
        fs::write(root.join("a"), "one").unwrap();
        fs::write(root.join("inner/b"), "one").unwrap();
        let witness = Witness::of(&root).unwrap();
        // The next change has another time than what is there.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change(&root);
        let moved = witness.moved().unwrap();
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
    fn a_file_alone_has_a_witness() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "one").unwrap();
        let witness = Witness::of(&file).unwrap();
        assert_eq!(witness.moved().unwrap(), None);
        fs::write(&file, "other").unwrap();
        assert_eq!(witness.moved().unwrap(), Some(file.clone()));
        fs::remove_file(&file).unwrap();
        assert_eq!(witness.moved().unwrap(), Some(file));
    }
}
