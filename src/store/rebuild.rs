//! Making the index anew from what is the truth: the records and the runs.

use crate::error::Result;
use crate::store::Store;
use crate::store::survey::{Records, Uses};

impl Store {
    /// Makes the index anew. Gives the number of its rows.
    ///
    /// The digests of files outside the store are not derived from it: those files are read again when they are needed.
    pub fn rebuild_index(&self) -> Result<usize> {
        let share = self.share()?;
        let (records, uses) = (Records::of(self)?, Uses::of(self)?);
        drop(share);
        let used = records.entries.values().map(|entry| (entry.key, uses.last(entry)));
        let rows: Vec<(Vec<u8>, Vec<u8>)> =
            used.map(|(key, used)| (format!("used/{key}").into_bytes(), used.to_string().into_bytes())).collect();
        self.index().rebuild(&rows)?;
        Ok(rows.len())
    }
}
