//! What identifies a result: names, digests, and the manifest that a key is the digest of.

mod difference;
mod digest;
mod field;
pub(crate) mod format_1;
mod manifest;
mod names;
mod relative_path;
mod tree;
mod written;

pub use difference::Difference;
pub use digest::{Digest, FieldHasher};
pub use field::KeyField;
pub use manifest::{CommandFields, Key, Manifest};
pub use names::{
    FILES, InputName, LONGEST_NAME, Label, PointName, PortName, RESERVED, RunId, StageName, UnsafeName, closest,
    did_you_mean, is_plain, suggestion,
};
pub use relative_path::{RelativePath, UnsafePath};
pub(crate) use tree::ArtifactHasher;
pub use tree::FileEntry;
