//! The lease of a key: the right to make its result.

use crate::fs::disk::Disk;
use crate::fs::lock::FileLock;
use std::fmt;

/// A lease, given back when it is dropped.
pub struct Lease {
    release: Vec<Box<dyn FnOnce() + Send + Sync>>,
}

impl Lease {
    /// A lease that is given back by `release`.
    pub fn new(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { release: vec![Box::new(release)] }
    }

    /// A lease that is held by a lock between processes.
    pub(crate) fn of_lock(lock: FileLock, disk: Disk) -> Self {
        Self::new(move || lock.remove(&disk))
    }

    /// No lease, where none is needed.
    pub(crate) fn not_needed() -> Self {
        Self { release: Vec::new() }
    }

    /// Both leases; the second is given back first.
    pub(crate) fn with(mut self, mut other: Self) -> Self {
        self.release.append(&mut other.release);
        self
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        while let Some(release) = self.release.pop() {
            release();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("count", &self.release.len()).finish()
    }
}
