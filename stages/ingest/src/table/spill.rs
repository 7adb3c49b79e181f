//! Texts that wait on disk until their rows are in order.

use contract::{Failure, Result};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

/// How many bytes wait in memory before they are written.
const PENDING: usize = 1 << 20;

/// Texts in order of arrival: a length and the bytes of each, in a file without a name beyond the first megabyte.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    pending: Vec<u8>,
    file: Option<File>,
    texts: usize,
}

/// The texts of a [`Spill`], in memory.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Spill {
    /// Adds a text; `folder` is where the file is made.
    pub(crate) fn push(&mut self, text: &str, folder: &Path) -> Result<()> {
        self.pending.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.pending.extend_from_slice(text.as_bytes());
        self.texts += 1;
        if self.pending.len() < PENDING {
            return Ok(());
        }
        let failed = |error| Failure::writing(folder, error);
        if self.file.is_none() {
            fs_err::create_dir_all(folder).map_err(failed)?;
            self.file = Some(tempfile::tempfile_in(folder).map_err(failed)?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(&self.pending).map_err(failed)?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Reads all texts back; they stay on disk too.
    pub(crate) fn load(&mut self, folder: &Path) -> Result<Texts> {
        let mut bytes = Vec::new();
        if let Some(file) = &mut self.file {
            let read = |file: &mut File, bytes: &mut Vec<u8>| {
                file.rewind()?;
                bytes.reserve_exact(file.metadata()?.len() as usize + self.pending.len());
                file.read_to_end(bytes)
            };
            read(file, &mut bytes).map_err(|error| Failure::reading(folder, error))?;
        }
        bytes.extend_from_slice(&self.pending);
        let mut starts = Vec::with_capacity(self.texts);
        let mut at = 0;
        while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            starts.push(at);
            at += 4 + u32::from_le_bytes(*length) as usize;
        }
        Ok(Texts { bytes, starts })
    }
}

impl Texts {
    /// The text that arrived as number `index`; empty where no texts were kept.
    pub(crate) fn get(&self, index: u32) -> &str {
        let Some(&start) = self.starts.get(index as usize) else { return "" };
        let length: [u8; 4] = self.bytes[start..start + 4].try_into().expect("a slice of four bytes");
        let bytes = &self.bytes[start + 4..start + 4 + u32::from_le_bytes(length) as usize];
        std::str::from_utf8(bytes).expect("what was written as a string")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_memory_and_from_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::default();
        let text = |number: usize| "é".repeat(number % 3_000);
        (0..2_000).for_each(|number| spill.push(&text(number), folder.path()).unwrap());
        let texts = spill.load(folder.path()).unwrap();
        assert!((0..2_000).all(|number| texts.get(number as u32) == text(number)));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(Spill::default().load(folder.path()).unwrap().get(3), "");
    }
}
