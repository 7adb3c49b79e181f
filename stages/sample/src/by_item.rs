//! Purchases that wait on disk until they are written by item.

use crate::behaviour::{Purchase, User};
use crate::catalogue::Catalogue;
use contract::{Failure, Result};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// How many buckets of items there are; one bucket's purchases are in memory at a time.
const BUCKETS: usize = 64;
/// How many bytes of a bucket wait in memory before they are written.
const PENDING: usize = 1 << 20;
/// The bytes of a purchase.
const RECORD: usize = 17;

/// Purchases in buckets of items, in files without a name beyond the first megabyte.
pub(crate) struct ByItem {
    /// `[items]` the place of each item by its identifier.
    ranks: Vec<u32>,
    buckets: Vec<Bucket>,
    folder: PathBuf,
}

#[derive(Default)]
struct Bucket {
    pending: Vec<u8>,
    file: Option<File>,
}

impl ByItem {
    /// No purchases of a catalogue's items; files are made in `folder`.
    pub(crate) fn new(catalogue: &Catalogue, folder: &Path) -> Self {
        let mut order: Vec<usize> = (0..catalogue.items.len()).collect();
        order.sort_by_key(|&item| &catalogue.items[item].asin);
        let mut ranks = vec![0; order.len()];
        for (rank, item) in (0..).zip(order) {
            ranks[item] = rank;
        }
        Self { ranks, buckets: (0..BUCKETS).map(|_| Bucket::default()).collect(), folder: folder.to_owned() }
    }

    /// Adds a purchase.
    pub(crate) fn push(&mut self, purchase: &Purchase) -> Result<()> {
        let rank = self.ranks[purchase.item as usize] as usize;
        let bucket = &mut self.buckets[rank * BUCKETS / self.ranks.len()];
        bucket.pending.extend_from_slice(&bytes(purchase));
        if bucket.pending.len() < PENDING {
            return Ok(());
        }
        let failed = |error| Failure::writing(&self.folder, error);
        let file = match &mut bucket.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder).map_err(failed)?),
        };
        file.write_all(&bucket.pending).map_err(failed)?;
        bucket.pending.clear();
        Ok(())
    }

    /// Gives all purchases to `take`, by item, day and user.
    pub(crate) fn each(&mut self, mut take: impl FnMut(Purchase) -> Result<()>) -> Result<()> {
        for bucket in self.buckets.drain(..) {
            let mut records = Vec::new();
            if let Some(mut file) = bucket.file {
                file.rewind()
                    .and_then(|()| file.read_to_end(&mut records))
                    .map_err(|error| Failure::reading(&self.folder, error))?;
            }
            records.extend_from_slice(&bucket.pending);
            let mut purchases: Vec<Purchase> = records.chunks_exact(RECORD).map(purchase).collect();
            drop(records);
            purchases.sort_unstable_by_key(|one| (self.ranks[one.item as usize], one.day, one.user));
            purchases.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }
}

fn bytes(purchase: &Purchase) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..4].copy_from_slice(&purchase.user.prefix.to_le_bytes());
    bytes[4..8].copy_from_slice(&purchase.user.serial.to_le_bytes());
    bytes[8..12].copy_from_slice(&purchase.item.to_le_bytes());
    bytes[12..16].copy_from_slice(&purchase.day.to_le_bytes());
    bytes[16] = u8::from(purchase.of_preference);
    bytes
}

fn purchase(bytes: &[u8]) -> Purchase {
    let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    Purchase {
        user: User { prefix: u32::from_le_bytes(four(0)), serial: u32::from_le_bytes(four(4)) },
        item: u32::from_le_bytes(four(8)),
        day: i32::from_le_bytes(four(12)),
        of_preference: bytes[16] != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purchase_is_read_as_it_was_written() {
        let user = User { prefix: 60_466_175, serial: 7 };
        let one = Purchase { user, item: 70_000, day: -3, of_preference: true };
        assert_eq!(purchase(&bytes(&one)), one);
    }
}
