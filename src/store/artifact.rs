//! An artifact: a folder, named by the digest of its sorted list of files with their sizes and contents.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::hash::hash_file;
use crate::fs::walk::{Links, files_beneath};
use crate::key::Digest;
use crate::key::{ArtifactHasher, FileEntry, listed};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;

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
        let mut hasher = ArtifactHasher::new();
        for file in &files {
            hasher.add(&file.path, file.size, &file.digest);
        }
        Self { digest: hasher.finish(), files }
    }

    /// What is wrong with the artifact's folder, looking at names and sizes only.
    ///
    /// # Errors
    /// When the disk cannot tell, which is no fault of the artifact.
    pub fn fault_in(&self, disk: &Disk, folder: &Path) -> Result<Option<String>> {
        for file in &self.files {
            let path = folder.join(&file.path);
            match disk.look(&path) {
                Ok(found) if found.len() == file.size && found.is_file() => {}
                Ok(found) => {
                    let fault = format!("{} has {} bytes, expected {}", path.display(), found.len(), file.size);
                    return Ok(Some(fault));
                }
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Ok(Some(format!("{} is not there", path.display())));
                }
                Err(error) => return Err(Error::io("reading", &path, error)),
            }
        }
        Ok(None)
    }

    /// What is wrong with the artifact's folder, reading every byte and looking for files that do not belong to it.
    ///
    /// # Errors
    /// When the disk cannot tell, which is no fault of the artifact.
    pub fn damage_in(&self, disk: &Disk, folder: &Path) -> Result<Option<String>> {
        if let Some(fault) = self.fault_in(disk, folder)? {
            return Ok(Some(fault));
        }
        for file in &self.files {
            let path = folder.join(&file.path);
            if hash_file(disk, &path)? != file.digest {
                return Ok(Some(format!("the content of {} is not what was stored", path.display())));
            }
        }
        match files_beneath(folder, Links::Refuse)? {
            Err(message) => Ok(Some(message)),
            Ok(found) => {
                let strange = found.iter().find(|path| !self.files.iter().any(|file| file.path == listed(path)));
                Ok(strange.map(|path| format!("{} does not belong to it", folder.join(path).display())))
            }
        }
    }
}
