//! An artifact: a folder, named by the digest of its sorted list of files with their sizes and contents.

use crate::digest::{Digest, FieldHasher};
use crate::error::{Error, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path in the artifact, with `/` between folders.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its content.
    pub digest: Digest,
}

/// An artifact's name and what it consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The digest of the list of files.
    pub digest: Digest,
    /// The files, sorted by path.
    pub files: Vec<FileEntry>,
}

impl Artifact {
    /// The artifact of those files.
    pub fn of(mut files: Vec<FileEntry>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut hasher = FieldHasher::new("pipe-artifact-1");
        for file in &files {
            hasher.field(file.path.as_bytes());
            hasher.field(&file.size.to_le_bytes());
            hasher.field(file.digest.as_bytes());
        }
        Self { digest: hasher.finish(), files }
    }

    /// What is wrong with the artifact's folder, looking at names and sizes only.
    pub fn fault_in(&self, folder: &Path) -> Option<String> {
        self.files.iter().find_map(|file| {
            let path = folder.join(&file.path);
            match std::fs::metadata(&path) {
                Err(error) => Some(format!("{}: {error}", path.display())),
                Ok(metadata) if metadata.len() != file.size => {
                    Some(format!("{} has {} bytes, expected {}", path.display(), metadata.len(), file.size))
                }
                Ok(_) => None,
            }
        })
    }
}

/// Whether links are looked through or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// A link is what it points to, as users lay out their own folders.
    Follow,
    /// A link is no part of an artifact.
    Refuse,
}

/// All files beneath a folder, as paths relative to it, sorted. Anything but files and folders is an error, in words.
pub(crate) fn files_beneath(folder: &Path, links: Links) -> Result<std::result::Result<Vec<PathBuf>, String>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).map_err(|error| Error::io("reading", &next, error))? {
            let entry = entry.map_err(|error| Error::io("reading", &next, error))?;
            let kind = match links {
                Links::Follow => fs::metadata(entry.path()).map(|found| found.file_type()),
                Links::Refuse => entry.file_type(),
            };
            let kind = kind.map_err(|error| Error::io("reading", &entry.path(), error))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path().strip_prefix(folder).unwrap_or(&entry.path()).to_owned());
            } else {
                return Ok(Err(format!("{} is neither a file nor a folder", entry.path().display())));
            }
        }
    }
    found.sort();
    Ok(Ok(found))
}

/// The digest of a file's content.
pub fn hash_file(path: &Path) -> Result<Digest> {
    let failed = |error| Error::io("reading", path, error);
    let file = fs::File::open(path).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(failed)?;
    Ok(hasher.finalize().into())
}

/// A path relative to an artifact as its list of files writes it.
pub(crate) fn listed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
