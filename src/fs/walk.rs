//! The files and empty folders beneath a folder, one after another in the order in which an artifact lists them.
//!
//! Only the listings of the folders that stand open are in memory. Siblings are sorted by name, with `/` after the name
//! of a folder, and folders are entered where they stand: that is the order of whole paths.

use crate::error::{Error, Result};
use crate::fs::status::FileStatus;
use fs_err as fs;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Whether links are looked through or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// A link is what it points to, as users arrange their own folders. Folders named `__pycache__` are left out: Python
    /// writes them beside the modules that it imports, and does not read them without those.
    Follow,
    /// A link is no part of an artifact.
    Refuse,
}

/// A file or an empty folder that was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Its path relative to the folder, with `/` between folders.
    pub(crate) listed: String,
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its status.
    pub(crate) status: FileStatus,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a walk finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file that its owner may not execute.
    File,
    /// A file that its owner may execute.
    Executable,
    /// A folder with nothing in it.
    EmptyFolder,
}

impl Kind {
    /// What the system's answer says that something is.
    pub(crate) fn of(found: &std::fs::Metadata) -> Self {
        if found.is_dir() {
            Self::EmptyFolder
        } else if found.mode() & OWNER_EXECUTES != 0 {
            Self::Executable
        } else {
            Self::File
        }
    }
}

/// The bit of a file's mode that lets its owner execute it.
const OWNER_EXECUTES: u32 = 0o100;

/// The folder in which Python keeps compiled modules.
const PYTHON_CACHE: &str = "__pycache__";

/// How many files are looked at, looked up and hashed together.
const BATCH: usize = 1000;

/// From so many files on, two threads are faster than one.
const PARALLEL: usize = 200;

/// A walk through a folder.
#[derive(Debug)]
pub(crate) struct Walk {
    root: PathBuf,
    links: Links,
    open: Vec<Open>,
    entered: Vec<(PathBuf, FileStatus)>,
}

/// A folder on the way from the root to where the walk is.
#[derive(Debug)]
struct Open {
    /// Its path relative to the root, with `/` at the end; empty for the root.
    listed: String,
    identity: (u64, u64),
    rest: std::vec::IntoIter<String>,
}

impl Walk {
    /// A walk through `folder`.
    pub(crate) fn of(folder: &Path, links: Links) -> Result<Self> {
        let mut walk = Self { root: folder.to_owned(), links, open: Vec::new(), entered: Vec::new() };
        walk.enter(String::new())?;
        Ok(walk)
    }

    /// The path of the next file relative to the folder, or that of the next empty folder, with `/` at its end.
    ///
    /// # Errors
    /// [`Error::Unusable`] for anything but files and folders, and for links that lead back to where they are.
    pub(crate) fn next_listed(&mut self) -> Result<Option<String>> {
        while let Some(folder) = self.open.last_mut() {
            let Some(name) = folder.rest.next() else {
                self.open.pop();
                continue;
            };
            let listed = format!("{}{name}", folder.listed);
            if !listed.ends_with('/') || self.enter(listed.clone())? == 0 {
                return Ok(Some(listed));
            }
        }
        Ok(None)
    }

    /// The next files and empty folders with their status; none when there are no more.
    ///
    /// # Errors
    /// As [`Walk::next_listed`]; [`Error::InputMoved`] when a file that was listed is gone.
    pub(crate) fn next_batch(&mut self) -> Result<Vec<Found>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(listed) = self.next_listed()?
        {
            batch.push(listed);
        }
        let look = |mut listed: String| {
            let is_folder = listed.ends_with('/');
            listed.truncate(listed.len() - usize::from(is_folder));
            let path = self.root.join(&listed);
            match std::fs::metadata(&path) {
                Ok(found) if found.is_dir() == is_folder => {
                    Ok(Found { listed, path, status: FileStatus::from_metadata(&found), kind: Kind::of(&found) })
                }
                // It is something else by now.
                Ok(_) => Err(Error::moved(&path)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::moved(&path)),
                Err(error) => Err(Error::io("reading", &path, error)),
            }
        };
        if batch.len() < PARALLEL {
            return batch.into_iter().map(look).collect();
        }
        batch.into_par_iter().with_min_len(64).map(look).collect()
    }

    /// The folders that were entered since the last call, with the status that each had before it was listed.
    pub(crate) fn entered(&mut self) -> Vec<(PathBuf, FileStatus)> {
        std::mem::take(&mut self.entered)
    }

    /// Goes into a folder. Gives the number of names in it.
    fn enter(&mut self, listed: String) -> Result<usize> {
        let path = self.root.join(&listed);
        let status = FileStatus::of(&path).map_err(|error| Error::io("reading", &path, error))?;
        let identity = status.identity();
        if self.open.iter().any(|above| above.identity == identity) {
            let problem = "is a link to one of its parent folders, so it has no end";
            return Err(Error::Unusable { path, problem });
        }
        let mut names = self.list(&path)?;
        names.sort_unstable();
        let count = names.len();
        self.entered.push((path, status));
        self.open.push(Open { listed, identity, rest: names.into_iter() });
        Ok(count)
    }

    /// The names in a folder, with `/` after those of folders.
    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| Error::io("reading", folder, error))? {
            let entry = entry.map_err(|error| Error::io("reading", folder, error))?;
            let mut kind = entry.file_type();
            if self.links == Links::Follow && kind.as_ref().is_ok_and(std::fs::FileType::is_symlink) {
                kind = std::fs::metadata(entry.path()).map(|found| found.file_type());
            }
            let kind = kind.map_err(|error| Error::io("reading", &entry.path(), error))?;
            let Ok(mut name) = entry.file_name().into_string() else {
                return Err(Error::Unusable { path: entry.path(), problem: "has a name that is not UTF-8" });
            };
            if kind.is_dir() && self.links == Links::Follow && name == PYTHON_CACHE {
                continue;
            } else if kind.is_dir() {
                name.push('/');
            } else if !kind.is_file() {
                return Err(Error::Unusable { path: entry.path(), problem: "is neither a file nor a folder" });
            }
            names.push(name);
        }
        Ok(names)
    }
}

/// All files and empty folders beneath a folder, as paths relative to it in the order of a walk; an empty folder's ends with
/// `/`. Anything but files and folders is an error, as a message.
pub(crate) fn listed_beneath(folder: &Path, links: Links) -> Result<std::result::Result<Vec<String>, String>> {
    let all = || {
        let mut walk = Walk::of(folder, links)?;
        let mut found = Vec::new();
        while let Some(listed) = walk.next_listed()? {
            found.push(listed);
        }
        Ok(found)
    };
    match all() {
        Ok(found) => Ok(Ok(found)),
        Err(error @ Error::Unusable { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn listed(folder: &Path, links: Links) -> Result<Vec<String>> {
        let mut walk = Walk::of(folder, links)?;
        let mut listed = Vec::new();
        loop {
            let batch = walk.next_batch()?;
            if batch.is_empty() {
                return Ok(listed);
            }
            listed.extend(batch.into_iter().map(|found| {
                let end = if found.kind == Kind::EmptyFolder { "/" } else { "" };
                found.listed + end
            }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The order of the walk is the order of an artifact's list, and so is the digest that is made on the way.
        #[test]
        fn the_order_is_an_artifacts(paths in prop::collection::vec("([ab.0/é -]|a/|b/|a\\.)([ab.0 -]/?){0,6}", 0..24)) {
            let folder = tempfile::tempdir().unwrap();
            for text in &paths {
                let path: PathBuf = text.split('/').filter(|part| !["", ".", ".."].contains(part)).collect();
                let path = folder.path().join(path);
                // A name that is a file cannot be a folder as well; the first one stays.
                if text.ends_with('/') {
                    drop(std::fs::create_dir_all(path));
                } else if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
                    std::fs::write(path, "").unwrap();
                }
            }
            let walked = listed(folder.path(), Links::Refuse).unwrap();
            prop_assert!(walked.is_sorted());
        }
    }

    #[test]
    fn empty_folders_and_executables_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("a/empty/inner")).unwrap();
        std::fs::write(path("a/plain"), "").unwrap();
        std::fs::write(path("a.sh"), "").unwrap();
        std::fs::set_permissions(path("a.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o744)).unwrap();
        let found = Walk::of(folder.path(), Links::Refuse).unwrap().next_batch().unwrap();
        let found: Vec<_> = found.iter().map(|found| (found.listed.as_str(), found.kind)).collect();
        let expected = [("a.sh", Kind::Executable), ("a/empty/inner", Kind::EmptyFolder), ("a/plain", Kind::File)];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_root_has_nothing_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(listed(folder.path(), Links::Refuse).unwrap().is_empty());
    }

    #[test]
    fn batches_leave_nothing_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        for number in 0..BATCH {
            std::fs::write(folder.path().join(format!("{number}")), "").unwrap();
            std::fs::write(folder.path().join(format!("inner/{number}")), "").unwrap();
        }
        let mut found = listed(folder.path(), Links::Follow).unwrap();
        assert_eq!(found.len(), 2 * BATCH);
        assert!(found.is_sorted());
        found.dedup();
        assert_eq!(found.len(), 2 * BATCH);
    }

    #[test]
    fn links_are_followed_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir(outside.path().join("there")).unwrap();
        std::fs::write(outside.path().join("there/file"), "x").unwrap();
        symlink(outside.path().join("there"), folder.path().join("linked")).unwrap();
        symlink(outside.path().join("there/file"), folder.path().join("alone")).unwrap();
        assert_eq!(listed(folder.path(), Links::Follow).unwrap(), ["alone", "linked/file"]);
        let refused = listed_beneath(folder.path(), Links::Refuse).unwrap().unwrap_err();
        assert!(refused.ends_with("is neither a file nor a folder"), "{refused}");
    }

    #[test]
    fn a_loop_of_links_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        symlink(folder.path().join("a"), folder.path().join("a/b/back")).unwrap();
        let error = listed(folder.path(), Links::Follow).unwrap_err();
        assert!(matches!(&error, Error::Unusable { path, .. } if path.ends_with("a/b/back")), "{error}");
    }

    #[test]
    fn a_link_to_itself_and_one_to_nothing_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for target in ["itself", "nothing"] {
            let link = folder.path().join("itself");
            symlink(folder.path().join(target), &link).unwrap();
            let error = listed(folder.path(), Links::Follow).unwrap_err();
            assert!(error.to_string().contains("itself"), "{error}");
            std::fs::remove_file(link).unwrap();
        }
    }
}
