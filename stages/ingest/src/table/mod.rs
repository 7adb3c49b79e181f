//! All interactions, whatever form they came in: the table that the rules work on.
//!
//! Users are in [`BUCKETS`] by the first bits of their identifier's digest. Their final numbers are in the order of these
//! digests, so each bucket is a range of final numbers: buckets are sorted, filtered and written one after the other. Where
//! there are many rows, they and their texts wait on disk, and only the bucket that is worked on is in memory.

mod batch;
mod ids;
mod scratch;
mod spill;
mod stored_rows;
mod strings;

pub(crate) use batch::{Batch, Seen};
pub(crate) use ids::Ids;
pub(crate) use scratch::Scratch;
pub(crate) use spill::{Spill, Texts};
pub(crate) use stored_rows::StoredRows;
pub(crate) use strings::Strings;

use contract::Result;
use frames::Split;
use std::path::Path;

/// The binary logarithm of the number of buckets.
const BUCKET_BITS: u32 = 8;
/// The number of buckets.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;

/// All interactions.
#[derive(Debug)]
pub(crate) struct Table {
    /// The users.
    pub(crate) users: Ids,
    /// The items.
    pub(crate) items: Ids,
    /// The interactions, by the digest of their user.
    pub(crate) buckets: Vec<Bucket>,
    /// `[items]` the numbers that the published files gave the items, for the report on leaks.
    pub(crate) published_numbers: Option<Vec<i64>>,
    /// Whether the published files split the rows.
    pub(crate) has_own_split: bool,
    /// Where rows and texts wait.
    pub(crate) scratch: Scratch,
}

/// The interactions of the users whose identifiers' digests begin with the same bits.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// The rows.
    pub(crate) rows: StoredRows,
    /// What their users wrote, by the number of the record.
    pub(crate) texts: Spill,
}

/// Interactions in columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// `[n]` the index of the user.
    pub(crate) user: Vec<u32>,
    /// `[n]` the index of the item.
    pub(crate) item: Vec<u32>,
    /// `[n]` seconds since 1970, or the position where no time is known.
    pub(crate) time: Vec<i64>,
    /// `[n]` which of the bucket's records it is, in order of arrival; empty until rows are ordered.
    pub(crate) record: Vec<u32>,
    /// `[n]` what it is used for; empty where the published files do not say so.
    pub(crate) split: Vec<Split>,
}

/// An interaction to be added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interaction<'a> {
    /// The original identifier of the user.
    pub(crate) user: &'a str,
    /// The original identifier of the item.
    pub(crate) item: &'a str,
    /// Seconds since 1970, or the position where no time is known.
    pub(crate) time: i64,
    /// What the user wrote, cleaned; empty when there is nothing.
    pub(crate) text: &'a str,
    /// What it is used for, where the published files say so.
    pub(crate) split: Option<Split>,
}

impl Table {
    /// A table without rows; rows and texts wait in a file without a name in `scratch`.
    pub(crate) fn new(scratch: &Path) -> Result<Self> {
        Ok(Self {
            users: Ids::default(),
            items: Ids::default(),
            buckets: (0..BUCKETS).map(|_| Bucket::default()).collect(),
            published_numbers: None,
            has_own_split: false,
            scratch: Scratch::new(scratch)?,
        })
    }

    /// Adds an interaction.
    pub(crate) fn push(&mut self, interaction: &Interaction<'_>) -> Result<()> {
        let Interaction { user, item, time, text, split } = *interaction;
        let user = self.users.index(user);
        let bucket = &mut self.buckets[(self.users.prefix(user) >> (u32::BITS - BUCKET_BITS)) as usize];
        self.has_own_split |= split.is_some();
        bucket.rows.push(user, self.items.index(item), time, split, &self.scratch)?;
        bucket.texts.push(text, &self.scratch)
    }

    /// Adds the rows of a batch.
    pub(crate) fn push_batch(&mut self, batch: &Batch) -> Result<()> {
        for row in 0..batch.len() {
            let (user, item) = (batch.users.get(row), batch.items.get(row));
            let (time, text) = (batch.times[row], batch.texts.get(row));
            self.push(&Interaction { user, item, time, text, split: None })?;
        }
        Ok(())
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.rows.len()).sum()
    }

    /// Reads the rows of all buckets, in their order.
    pub(crate) fn read_rows(&self, mut read: impl FnMut(&Rows)) -> Result<()> {
        self.buckets.iter().try_for_each(|bucket| {
            read(&*bucket.rows.load(&self.scratch)?);
            Ok(())
        })
    }

    /// Drops rows of all buckets, in their order.
    pub(crate) fn drop_rows(&mut self, mut drop: impl FnMut(&mut Rows)) -> Result<()> {
        for bucket in &mut self.buckets {
            let mut rows = bucket.rows.load(&self.scratch)?.into_owned();
            drop(&mut rows);
            if rows.len() < bucket.rows.len() {
                bucket.rows.put(rows, &self.scratch)?;
            }
        }
        Ok(())
    }

    /// Forgets how identifiers are found and ordered, to save memory; nothing can be added or ordered any more.
    pub(crate) fn forget_digests(&mut self) {
        self.users.forget_digests();
        self.items.forget_digests();
    }
}

impl Rows {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.user.len()
    }

    /// Keeps the rows, by index, that `keep` says.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Self, usize) -> bool) {
        let mut kept = 0;
        for row in 0..self.len() {
            if keep(self, row) {
                self.move_row(row, kept);
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    fn move_row(&mut self, from: usize, to: usize) {
        self.user[to] = self.user[from];
        self.item[to] = self.item[from];
        self.time[to] = self.time[from];
        self.record[to] = self.record[from];
        if !self.split.is_empty() {
            self.split[to] = self.split[from];
        }
    }

    /// Drops all rows but the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.user.truncate(length);
        self.item.truncate(length);
        self.time.truncate(length);
        self.record.truncate(length);
        self.split.truncate(length);
    }

    /// The ranges of rows of each user, in order; rows must be ordered.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut start = 0;
        self.user.chunk_by(|one, other| one == other).map(move |of_user| {
            let range = start..start + of_user.len();
            start = range.end;
            range
        })
    }
}
