//! A file system that keeps whole seconds: ext4 with inodes of 128 bytes, in a file that is mounted. Only root can.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The mounted file system; it goes when this is dropped.
pub(crate) struct CoarseDisk {
    folder: tempfile::TempDir,
}

impl CoarseDisk {
    /// A new one; otherwise says why the test is skipped.
    pub(crate) fn mount() -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let image = disk.folder.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        std::fs::create_dir(disk.path()).unwrap();
        let steps = [
            Command::new("mkfs.ext4").args(["-q", "-I", "128"]).arg(&image).output(),
            Command::new("mount").args(["-o", "loop"]).arg(&image).arg(disk.path()).output(),
        ];
        for (step, command) in steps.into_iter().zip(["mkfs.ext4", "mount"]) {
            if let Some(why) = failure(step) {
                eprintln!("skipped: {command}: {why}; needs root, mkfs.ext4 and loop devices");
                return None;
            }
        }
        Some(disk)
    }

    /// Its root.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }
}

impl Drop for CoarseDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).output());
    }
}

fn failure(step: std::io::Result<Output>) -> Option<String> {
    match step {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Waits for the beginning of a second, so that what follows at once has one time stamp.
pub(crate) fn begin_second() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    std::thread::sleep(std::time::Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanos())));
    std::thread::sleep(std::time::Duration::from_millis(20));
}

/// The time stamps of a file.
pub(crate) fn stamps(path: &Path) -> (i64, i64, i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path).unwrap();
    (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
}
