//! Texts that wait on disk until their rows are in order.

use crate::table::scratch::{Scratch, Stored};
use contract::Result;

/// How many bytes wait in memory before they are written.
const PENDING: usize = 1 << 17;

/// Texts in order of arrival: a length and the bytes of each, on disk but for the last 128 KiB.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    stored: Stored,
    pending: Vec<u8>,
    texts: usize,
}

/// The texts of a [`Spill`], in memory.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Spill {
    /// Adds a string.
    pub(crate) fn push(&mut self, text: &str, scratch: &Scratch) -> Result<()> {
        self.pending.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.pending.extend_from_slice(text.as_bytes());
        self.texts += 1;
        if self.pending.len() >= PENDING {
            scratch.append(&mut self.stored, &self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }

    /// Reads all texts back; they stay on disk too.
    pub(crate) fn load(&self, scratch: &Scratch) -> Result<Texts> {
        let mut bytes = scratch.read(&self.stored, self.pending.len())?;
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
        let scratch = Scratch::new(folder.path()).unwrap();
        let mut spill = Spill::default();
        let text = |number: usize| "é".repeat(number % 3_000);
        (0..2_000).for_each(|number| spill.push(&text(number), &scratch).unwrap());
        let texts = spill.load(&scratch).unwrap();
        assert!((0..2_000).all(|number| texts.get(number as u32) == text(number)));
        assert_eq!(Spill::default().load(&scratch).unwrap().get(3), "");
    }
}
