//! How much is in folders: by it the runner knows when it sees all that a node has written.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The name of the folder with the files of a job, which are none of its outputs.
pub(super) const FOLDER: &str = ".job";

/// How many files are in folders, and how many bytes these have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    files: u64,
    bytes: u64,
}

impl Listing {
    /// What is in these folders now. What cannot be read is left out.
    pub(super) fn of<'a>(folders: impl Iterator<Item = &'a Path>) -> Self {
        let mut listing = Self::default();
        let mut left: Vec<PathBuf> = folders.map(Path::to_owned).collect();
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(status) = entry.metadata() else { continue };
                if status.is_dir() && entry.file_name() != FOLDER {
                    left.push(entry.path());
                } else if status.is_file() {
                    listing.files += 1;
                    listing.bytes += status.len();
                }
            }
        }
        listing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beneath_are_counted_and_those_of_the_job_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("a", "12"), ("b/c/d", "345"), (".job/log", "6")] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        assert_eq!(Listing::of(std::iter::once(folder.path())), Listing { files: 2, bytes: 5 });
    }
}
