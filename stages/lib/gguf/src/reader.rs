//! Numbers and strings, one after the other, from bytes that may end anywhere.

use crate::{GgufError, Result};

/// Bytes and how far they were read.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn at(&self) -> u64 {
        self.at as u64
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    /// The next `count` bytes; `label` names them in an error.
    pub(crate) fn take(&mut self, count: u64, label: &str) -> Result<&'a [u8]> {
        self.check(count, label)?;
        let end = self.at + count as usize;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// Refuses to go on where fewer than `count` bytes are left.
    pub(crate) fn check(&self, count: u64, label: &str) -> Result<()> {
        if count <= self.left() {
            return Ok(());
        }
        Err(GgufError::CutShort { label: label.to_owned(), at: self.at(), needed: count, left: self.left() })
    }

    /// The next N bytes.
    pub(crate) fn array<const N: usize>(&mut self, label: &str) -> Result<[u8; N]> {
        let taken = self.take(N as u64, label)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    pub(crate) fn u32(&mut self, label: &str) -> Result<u32> {
        self.array(label).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, label: &str) -> Result<u64> {
        self.array(label).map(u64::from_le_bytes)
    }

    /// A string in UTF-8.
    pub(crate) fn string(&mut self, label: &str) -> Result<&'a str> {
        let length = self.u64(label)?;
        let at = self.at();
        let bytes = self.take(length, label)?;
        std::str::from_utf8(bytes).map_err(|_| GgufError::Damaged { problem: format!("{label} is not UTF-8"), at })
    }
}
