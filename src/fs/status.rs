//! What the system says of a file without reading it.

use crate::key::FieldHasher;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file's status. While it stays, so does the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    device: u64,
    inode: u64,
    /// The size in bytes.
    pub(crate) size: u64,
    mtime: i128,
    ctime: i128,
}

/// Two writes within one tick of the clock leave one status. In nanoseconds.
const TICK: i128 = 50_000_000;

impl Status {
    /// The status of the file at `path`, looking through links.
    pub(crate) fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self::from_metadata(&std::fs::metadata(path)?))
    }

    /// The status in what the system has told already.
    pub(crate) fn from_metadata(found: &std::fs::Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.len(),
            mtime: nanoseconds(found.mtime(), found.mtime_nsec()),
            ctime: nanoseconds(found.ctime(), found.ctime_nsec()),
        }
    }

    /// What the file is, whatever it is called: its device and inode.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// When its content, name or rights changed last.
    pub(crate) fn changed(&self) -> Moment {
        Moment(self.ctime.max(self.mtime))
    }

    /// It in short, for where there is one for each of a million files.
    pub(crate) fn short(&self) -> [u8; 16] {
        let mut hasher = FieldHasher::new("pipe-status-1");
        self.feed(&mut hasher);
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finish().as_bytes()[..16]);
        short
    }

    /// When it was modified, in seconds since 1970.
    pub(crate) fn modified(&self) -> u64 {
        u64::try_from(self.mtime / 1_000_000_000).unwrap_or(0)
    }

    /// Its row in the index.
    pub(crate) fn row(&self) -> Vec<u8> {
        [b"file/".as_slice(), &self.short()].concat()
    }

    /// Adds it to a digest.
    pub(crate) fn feed(&self, hasher: &mut FieldHasher) {
        let mut bytes = [0; 56];
        bytes[..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.mtime.to_le_bytes());
        bytes[40..].copy_from_slice(&self.ctime.to_le_bytes());
        hasher.field(&bytes);
    }
}

/// A moment of the system's clock, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i128);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().cast_signed()))
    }

    /// Whether what changed last at this moment can no longer change without its status showing it, from `then` on.
    pub(crate) fn is_settled_at(self, then: Self) -> bool {
        then.0 - self.0 > TICK
    }

    /// How long from `then` on it takes until that is so. A moment that lies ahead is not waited for.
    pub(crate) fn unsettled_for(self, then: Self) -> Duration {
        let passed = then.0 - self.0;
        let left = if (0..=TICK).contains(&passed) { TICK - passed + 1 } else { 0 };
        Duration::from_nanos(u64::try_from(left).unwrap_or(0))
    }
}
