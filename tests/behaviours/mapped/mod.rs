//! A file that this process writes to through a memory map.

use memmap2::MmapMut;
use std::path::Path;

/// The map.
pub(crate) struct MappedFile(MmapMut);

impl MappedFile {
    /// Makes a file of so many bytes and maps it.
    pub(crate) fn create(path: &Path, size: u64) -> Self {
        let file = std::fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path).unwrap();
        file.set_len(size).unwrap();
        Self::of(&file)
    }

    /// Maps a file that is there.
    pub(crate) fn open(path: &Path) -> Self {
        Self::of(&std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap())
    }

    #[expect(unsafe_code, reason = "a map is what is tested")]
    fn of(file: &std::fs::File) -> Self {
        // SAFETY: nobody in this process reads the file as memory, and nobody makes it shorter.
        Self(unsafe { MmapMut::map_mut(file) }.unwrap())
    }

    /// Writes at the beginning.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0[..bytes.len()].copy_from_slice(bytes);
    }
}

/// Whether a file system keeps no pages that it writes out, and therefore never sets time stamps for writes through maps.
pub(crate) fn keeps_no_pages(folder: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    let found = rustix::fs::statfs(folder).unwrap();
    let is_tmpfs = found.f_type == TMPFS;
    if is_tmpfs {
        eprintln!("skipped: {} is a tmpfs", folder.display());
    }
    is_tmpfs
}
