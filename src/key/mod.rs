//! What identifies a result: names, digests, and the manifest that a key is the digest of.

mod digest;
pub(crate) mod exact;
mod manifest;
mod names;
mod tree;

pub use digest::{Digest, FieldHasher};
pub use manifest::{Difference, Key, Manifest};
pub use names::{Entrance, Label, PointName, PortName, RESERVED, RunId, StageName, closest, is_plain};
pub use tree::FileEntry;
pub(crate) use tree::{ArtifactHasher, listed};
