//! Files as the store needs them: a disk on which tests can inject faults, durable writes, locks, walking and hashing.

pub(crate) mod disk;
pub(crate) mod durable;
pub(crate) mod flush;
pub(crate) mod hash;
pub(crate) mod lock;
pub(crate) mod status;
pub(crate) mod walk;

pub use disk::{Disk, Operation, Watch};
pub(crate) use hash::hash_file as file_digest;
pub use lock::FileLock;
