//! The file in which rows and texts wait that are not in memory.

use contract::{Failure, Result};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file without a name, which several threads may read and write.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    file: File,
    end: AtomicU64,
}

/// Bytes in a scratch file.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Where the parts begin, and their lengths, in order.
    parts: Vec<(u64, usize)>,
}

impl Scratch {
    /// A scratch file in a folder, which is made if it is not there.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let failed = |error| Failure::writing(folder, error);
        fs_err::create_dir_all(folder).map_err(failed)?;
        let file = tempfile::tempfile_in(folder).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), file, end: AtomicU64::new(0) })
    }

    /// Writes bytes behind those that are stored.
    pub(crate) fn append(&self, stored: &mut Stored, bytes: &[u8]) -> Result<()> {
        let start = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, start).map_err(|error| Failure::writing(&self.folder, error))?;
        stored.parts.push((start, bytes.len()));
        Ok(())
    }

    /// Writes bytes in the place of those that are stored, which are not fewer.
    pub(crate) fn overwrite(&self, stored: &mut Stored, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        for part in &mut stored.parts {
            let (written, left) = rest.split_at(part.1.min(rest.len()));
            self.file.write_all_at(written, part.0).map_err(|error| Failure::writing(&self.folder, error))?;
            part.1 = written.len();
            rest = left;
        }
        debug_assert!(rest.is_empty(), "more bytes than are stored");
        stored.parts.retain(|part| part.1 > 0);
        Ok(())
    }

    /// Reads the stored bytes; the vector has room for `more` bytes behind them.
    pub(crate) fn read(&self, stored: &Stored, more: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(stored.len() + more);
        for &(start, length) in &stored.parts {
            let from = bytes.len();
            bytes.resize(from + length, 0);
            let read = self.file.read_exact_at(&mut bytes[from..], start);
            read.map_err(|error| Failure::reading(&self.folder, error))?;
        }
        Ok(bytes)
    }
}

impl Stored {
    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_alternate_come_back_and_can_be_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path()).unwrap();
        let (mut one, mut other) = (Stored::default(), Stored::default());
        for number in 0..10_u8 {
            scratch.append(&mut one, &[number; 3]).unwrap();
            scratch.append(&mut other, &[number, 100]).unwrap();
        }
        let of_one: Vec<u8> = (0..10).flat_map(|number| [number; 3]).collect();
        assert_eq!(scratch.read(&one, 5).unwrap(), of_one);
        scratch.overwrite(&mut one, &of_one[2..21]).unwrap();
        assert_eq!(scratch.read(&one, 0).unwrap(), of_one[2..21]);
        scratch.append(&mut one, b"end").unwrap();
        assert_eq!(scratch.read(&one, 0).unwrap(), [&of_one[2..21], b"end"].concat());
        assert_eq!(scratch.read(&other, 0).unwrap().len(), 20);
        scratch.overwrite(&mut other, &[]).unwrap();
        assert_eq!((other.len(), fs_err::read_dir(folder.path()).unwrap().count()), (0, 0));
    }
}
