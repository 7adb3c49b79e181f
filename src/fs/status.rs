//! What the system says of a file without reading it, and how far that can be trusted.

use crate::key::FieldHasher;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file's status. While it stays the same and is settled, so does the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    device: u64,
    inode: u64,
    mode: u32,
    /// The size in bytes.
    pub(crate) size: u64,
    mtime: Moment,
    ctime: Moment,
}

/// Two writes within one tick of the kernel's clock leave one status. In nanoseconds.
const TICK: i128 = 50_000_000;

/// The same where the file system keeps whole seconds (ext4 with inodes of 128 bytes), or every second one (FAT).
const COARSE_TICK: i128 = 2 * SECOND + TICK;

/// A time stamp further ahead than this was set by hand; one less far ahead is of a file server whose clock is fast.
const CLOCK_SKEW: i128 = 5 * SECOND;

const SECOND: i128 = 1_000_000_000;

/// The bit of a file's mode that lets its owner execute it.
const OWNER_EXECUTES: u32 = 0o100;

impl FileStatus {
    /// The status of the file at `path`, looking through links.
    pub(crate) fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self::from_metadata(&std::fs::metadata(path)?))
    }

    /// The status in what the system has reported already.
    pub(crate) fn from_metadata(found: &std::fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            mode: found.mode(),
            size: found.len(),
            mtime: Moment::new(found.mtime(), found.mtime_nsec()),
            ctime: Moment::new(found.ctime(), found.ctime_nsec()),
        }
    }

    /// What the file is, whatever it is called: its device and inode.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether its owner may execute it.
    pub(crate) fn is_executable(&self) -> bool {
        self.mode & OWNER_EXECUTES != 0
    }

    /// When its content, name or permissions changed last.
    pub(crate) fn changed(&self) -> Moment {
        self.ctime.max(self.mtime)
    }

    /// The last moment at which a write may still leave this very status.
    ///
    /// A change sets the ctime, which nobody can set by hand, so a ctime of a whole second means that the file system
    /// keeps no fractions of one (or, once in a billion, that the wait is longer than need be).
    pub(crate) fn settles(&self) -> Moment {
        let tick = if self.ctime.0 % SECOND == 0 { COARSE_TICK } else { TICK };
        Moment(self.changed().0 + tick)
    }

    /// Whether any write from `then` on shows in the status.
    pub(crate) fn is_settled_at(&self, then: Moment) -> bool {
        self.settles() < then
    }

    /// The status in 16 bytes, for tables with a row for each of a million files.
    pub(crate) fn seen(&self) -> Seen {
        let mut hasher = FieldHasher::new("pipe-status-2");
        self.feed(&mut hasher);
        Seen::of(&hasher)
    }

    /// When it was modified, in seconds since 1970.
    pub(crate) fn modified(&self) -> u64 {
        u64::try_from(self.mtime.0 / SECOND).unwrap_or(0)
    }

    /// Adds it to a digest.
    pub(crate) fn feed(&self, hasher: &mut FieldHasher) {
        let mut bytes = [0; 60];
        bytes[..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.mtime.0.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.ctime.0.to_le_bytes());
        bytes[56..].copy_from_slice(&self.mode.to_le_bytes());
        hasher.field(&bytes);
    }
}

/// A digest of the status of a file, or of the names and status of all files of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) [u8; 16]);

impl Seen {
    /// What no file has: a row with it is never found.
    pub(crate) const NOTHING: Self = Self([0; 16]);

    /// The digest of what was hashed.
    pub(crate) fn of(hasher: &FieldHasher) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finish().as_bytes()[..16]);
        Self(short)
    }
}

/// A moment of the system's clock, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i128);

impl Moment {
    fn new(seconds: i64, nanoseconds: i64) -> Self {
        Self(i128::from(seconds) * SECOND + i128::from(nanoseconds))
    }

    /// Now.
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().cast_signed()))
    }

    /// How long from `then` on it takes until it has passed. A moment set by hand, far ahead, is not waited for.
    pub(crate) fn wait_from(self, then: Self) -> Duration {
        let left = self.0 - then.0;
        let left = if (0..=COARSE_TICK + CLOCK_SKEW).contains(&left) { left + 1 } else { 0 };
        Duration::from_nanos(u64::try_from(left).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A disk with one file, whose time stamps are cut to whole units and come from a clock that stands still for a tick.
    struct Clocked {
        unit: i128,
        tick: i128,
        now: i128,
        status: FileStatus,
        content: u8,
    }

    impl Clocked {
        fn write(&mut self, content: u8) {
            let stamp = self.now / self.tick * self.tick / self.unit * self.unit;
            (self.status.mtime, self.status.ctime) = (Moment(stamp), Moment(stamp));
            self.content = content;
        }
    }

    proptest! {
        /// Whatever is written and whenever it is looked at: what is remembered of a settled status stays true.
        #[test]
        fn a_settled_status_has_one_content(
            unit in prop::sample::select(vec![1, 100, 10_000_000, SECOND, 2 * SECOND]),
            steps in prop::collection::vec((0..3_u8, prop::sample::select(vec![0, 1, 3_000_000, 60_000_000, 999_000_000, 2_500_000_000_i128])), 1..40),
        ) {
            let status = FileStatus { device: 1, inode: 1, mode: 0, size: 1, mtime: Moment(0), ctime: Moment(0) };
            let mut disk = Clocked { unit, tick: 4_000_000, now: 1_700_000_000 * SECOND + 123_456_789, status, content: 0 };
            disk.write(0);
            let mut remembered: Vec<(FileStatus, u8)> = Vec::new();
            for (content, passed) in steps {
                disk.now += passed;
                match content {
                    0 => {
                        let known = remembered.iter().find(|(status, _)| *status == disk.status);
                        prop_assert!(known.is_none_or(|(_, content)| *content == disk.content), "stale");
                        if disk.status.is_settled_at(Moment(disk.now)) {
                            remembered.push((disk.status, disk.content));
                        }
                    }
                    content => disk.write(content),
                }
            }
        }
    }

    #[test]
    fn a_status_settles_after_one_tick_of_its_file_system() {
        let status =
            |stamp: i128| FileStatus { device: 1, inode: 1, mode: 0, size: 1, mtime: Moment(0), ctime: Moment(stamp) };
        let (fine, coarse) = (status(7 * SECOND + 1), status(7 * SECOND));
        let after = |status: &FileStatus, passed: i128| status.is_settled_at(Moment(7 * SECOND + passed));
        assert!(!after(&fine, TICK) && after(&fine, TICK + 2));
        assert!(!after(&coarse, SECOND) && !after(&coarse, 2 * SECOND) && after(&coarse, 2 * SECOND + TICK + 1));
        assert_eq!(fine.settles().wait_from(Moment(7 * SECOND)).as_millis(), 50);
        assert_eq!(status(3600 * SECOND).settles().wait_from(Moment(7 * SECOND)), Duration::ZERO);
    }
}
