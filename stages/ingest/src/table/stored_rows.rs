//! Rows of a bucket that wait on disk where they are many.

use crate::table::Rows;
use crate::table::scratch::{Scratch, Stored};
use contract::Result;
use frames::Split;
use std::borrow::Cow;

/// How many rows wait in memory before they are written.
const PENDING: usize = 1 << 12;
/// The bytes of a row on disk: user, item, time, record, split.
const ROW_BYTES: usize = 4 + 4 + 8 + 4 + 1;
/// Which split a byte stands for; beyond them, none.
const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

/// Rows in order: on disk, but for the last ones, which are in memory.
#[derive(Debug, Default)]
pub(crate) struct StoredRows {
    stored: Stored,
    pending: Rows,
}

impl StoredRows {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.stored.len() / ROW_BYTES + self.pending.len()
    }

    /// Adds a row, before rows are ordered.
    pub(crate) fn push(
        &mut self,
        user: u32,
        item: u32,
        time: i64,
        split: Option<Split>,
        scratch: &Scratch,
    ) -> Result<()> {
        self.pending.user.push(user);
        self.pending.item.push(item);
        self.pending.time.push(time);
        self.pending.split.extend(split);
        if self.pending.len() >= PENDING {
            scratch.append(&mut self.stored, &self.pending.to_bytes())?;
            self.pending.truncate(0);
        }
        Ok(())
    }

    /// All rows, in memory.
    pub(crate) fn load(&self, scratch: &Scratch) -> Result<Cow<'_, Rows>> {
        if self.stored.len() == 0 {
            return Ok(Cow::Borrowed(&self.pending));
        }
        let mut rows = Rows::default();
        rows.extend_from_bytes(&scratch.read(&self.stored, 0)?);
        rows.user.extend_from_slice(&self.pending.user);
        rows.item.extend_from_slice(&self.pending.item);
        rows.time.extend_from_slice(&self.pending.time);
        rows.record.extend_from_slice(&self.pending.record);
        rows.split.extend_from_slice(&self.pending.split);
        Ok(Cow::Owned(rows))
    }

    /// Puts rows, not more than there are, in the place of all.
    pub(crate) fn put(&mut self, mut rows: Rows, scratch: &Scratch) -> Result<()> {
        let on_disk = (self.stored.len() / ROW_BYTES).min(rows.len());
        scratch.overwrite(&mut self.stored, &rows.to_bytes()[..on_disk * ROW_BYTES])?;
        rows.retain(|_, row| row >= on_disk);
        rows.shrink_to_fit();
        self.pending = rows;
        Ok(())
    }
}

impl Rows {
    fn shrink_to_fit(&mut self) {
        self.user.shrink_to_fit();
        self.item.shrink_to_fit();
        self.time.shrink_to_fit();
        self.record.shrink_to_fit();
        self.split.shrink_to_fit();
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len() * ROW_BYTES);
        for row in 0..self.len() {
            bytes.extend_from_slice(&self.user[row].to_le_bytes());
            bytes.extend_from_slice(&self.item[row].to_le_bytes());
            bytes.extend_from_slice(&self.time[row].to_le_bytes());
            bytes.extend_from_slice(&self.record.get(row).copied().unwrap_or(u32::MAX).to_le_bytes());
            let split = self.split.get(row).map(|split| SPLITS.iter().position(|of| of == split));
            bytes.push(split.flatten().unwrap_or(SPLITS.len()) as u8);
        }
        bytes
    }

    fn extend_from_bytes(&mut self, bytes: &[u8]) {
        let (rows, _) = bytes.as_chunks::<ROW_BYTES>();
        self.user.reserve_exact(rows.len());
        self.item.reserve_exact(rows.len());
        self.time.reserve_exact(rows.len());
        for row in rows {
            let word = |at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
            self.user.push(word(0));
            self.item.push(word(4));
            self.time.push((u64::from(word(8)) | u64::from(word(12)) << 32) as i64);
            self.record.extend(Some(word(16)).filter(|&record| record != u32::MAX));
            self.split.extend(SPLITS.get(usize::from(row[20])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pushed(rows: &[(u32, u32, i64, Option<Split>)], scratch: &Scratch) -> StoredRows {
        let mut stored = StoredRows::default();
        for &(user, item, time, split) in rows {
            stored.push(user, item, time, split, scratch).unwrap();
        }
        stored
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn rows_come_back_from_memory_and_from_disk(
            some in prop::collection::vec(any::<(u32, u32, i64)>(), 1..50), times in 1..600_usize, has_split: bool,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let scratch = Scratch::new(folder.path()).unwrap();
            let split = |time: i64| has_split.then(|| SPLITS[time.rem_euclid(3) as usize]);
            let all: Vec<_> = (0..times).flat_map(|_| &some).map(|&(user, item, time)| (user, item, time, split(time))).collect();
            let mut stored = pushed(&all, &scratch);
            prop_assert_eq!(stored.len(), all.len());
            let mut rows = stored.load(&scratch).unwrap().into_owned();
            prop_assert_eq!(rows.split.len(), if has_split { all.len() } else { 0 });
            for (row, &(user, item, time, split)) in all.iter().enumerate() {
                prop_assert_eq!((rows.user[row], rows.item[row], rows.time[row]), (user, item, time));
                prop_assert_eq!(rows.split.get(row).copied(), split);
            }
            // Records, which ordering gives, come back too, and fewer rows take the place of more.
            rows.record = (0..all.len() as u32).collect();
            rows.retain(|_, row| row % 3 == 0);
            let kept = rows.record.clone();
            stored.put(rows, &scratch).unwrap();
            prop_assert_eq!(stored.len(), kept.len());
            prop_assert_eq!(&stored.load(&scratch).unwrap().record, &kept);
        }
    }
}
