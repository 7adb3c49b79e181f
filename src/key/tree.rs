//! The digest of a folder: that of its sorted list of files with their sizes and contents, and of its empty folders.

use crate::key::{Digest, FieldHasher, RelativePath};
use serde::{Deserialize, Serialize};

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path in the artifact, with `/` between folders.
    pub path: RelativePath,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its content.
    pub digest: Digest,
    /// Whether its owner may execute it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// The digest of an artifact from what is in it, in the order of a walk: that of whole paths, with `/` at the end of an
/// empty folder's.
///
/// A file is three fields: path, size and content. No path is empty, so an empty field announces something else: its
/// kind, then its own fields. A folder without executables and empty folders has the digest that it had before these
/// were part of it.
pub(crate) struct ArtifactHasher(FieldHasher);

impl ArtifactHasher {
    pub(crate) fn new() -> Self {
        Self(FieldHasher::new("pipe-artifact-1"))
    }

    /// Adds the next file.
    pub(crate) fn add_file(&mut self, path: &str, size: u64, digest: &Digest, executable: bool) {
        if executable {
            self.0.field(b"");
            self.0.field(b"executable");
        }
        self.0.field(path.as_bytes());
        self.0.field(&size.to_le_bytes());
        self.0.field(digest.as_bytes());
    }

    /// Adds the next empty folder, by its path without `/` at the end.
    pub(crate) fn add_empty_folder(&mut self, path: &str) {
        self.0.field(b"");
        self.0.field(b"empty folder");
        self.0.field(path.as_bytes());
    }

    pub(crate) fn finish(&self) -> Digest {
        self.0.finish()
    }
}
