//! The digest of a folder: that of its sorted list of files with their sizes and contents.

use crate::key::{Digest, FieldHasher};
use serde::{Deserialize, Serialize};
use std::path::Path;

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

/// The digest of an artifact from its files, one after another in the order of their paths.
pub(crate) struct ArtifactHasher(FieldHasher);

impl ArtifactHasher {
    pub(crate) fn new() -> Self {
        Self(FieldHasher::new("pipe-artifact-1"))
    }

    /// Adds the next file.
    pub(crate) fn add(&mut self, path: &str, size: u64, digest: &Digest) {
        self.0.field(path.as_bytes());
        self.0.field(&size.to_le_bytes());
        self.0.field(digest.as_bytes());
    }

    pub(crate) fn finish(&self) -> Digest {
        self.0.finish()
    }
}

/// A path relative to an artifact as its list of files writes it.
pub(crate) fn listed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
