//! The order of rows, and which of repeated ones stay.
//!
//! Users come in the order of their final numbers. The rows of a user are ordered by time, then by a hash of the original
//! user and item, then by what was written, so that the order of files and lines decides nothing.

use crate::digest;
use crate::parameters::Repeats;
use crate::rules::each_bucket;
use crate::table::{Bucket, Ids, Rows, Scratch, Spill, Table, Texts};
use contract::Result;
use hashbrown::HashSet;

/// Orders all rows and drops repeated ones as the rule says; returns how many it dropped.
pub(crate) fn order(table: &mut Table, repeats: Repeats, threads: usize) -> Result<usize> {
    let Table { users, items, buckets, scratch, .. } = table;
    let mut ranks = vec![0_u32; users.len()];
    for (rank, user) in (0..).zip(users.by_digest(|_| true)) {
        ranks[user as usize] = rank;
    }
    let rule = Rule { users, items, ranks: &ranks, repeats, scratch };
    let parts = each_bucket(buckets, threads, |bucket| rule.apply(bucket))?;
    Ok(parts.into_iter().sum())
}

struct Rule<'a> {
    users: &'a Ids,
    items: &'a Ids,
    /// `[users]` the place of each user in the final order.
    ranks: &'a [u32],
    repeats: Repeats,
    scratch: &'a Scratch,
}

impl Rule<'_> {
    fn apply(&self, bucket: &mut Bucket) -> Result<usize> {
        let rows = bucket.rows.load(self.scratch)?;
        let mut order: Vec<(u32, i64, u32)> =
            (0..rows.len()).map(|row| (self.ranks[rows.user[row] as usize], rows.time[row], row as u32)).collect();
        order.sort_unstable();
        let mut texts = None;
        for run in order.chunk_by_mut(|one, other| (one.0, one.1) == (other.0, other.1)) {
            if run.len() > 1 {
                self.order_tied(run, &rows, &mut texts, &bucket.texts)?;
            }
        }
        let mut kept = Vec::with_capacity(order.len());
        for sequence in order.chunk_by(|one, other| one.0 == other.0) {
            self.keep(sequence.iter().map(|entry| entry.2), &rows, &mut kept);
        }
        let dropped = rows.len() - kept.len();
        let ordered = rows.take(&kept);
        bucket.rows.put(ordered, self.scratch)?;
        Ok(dropped)
    }

    /// Orders rows of one user at one time. Texts are read when they are first needed.
    fn order_tied(
        &self,
        run: &mut [(u32, i64, u32)],
        rows: &Rows,
        texts: &mut Option<Texts>,
        spilled: &Spill,
    ) -> Result<()> {
        let item = |row: u32| rows.item[row as usize];
        let user = self.users.get(rows.user[run[0].2 as usize]);
        run.sort_by_cached_key(|entry| digest::of_pair(user, self.items.get(item(entry.2))));
        if run.windows(2).any(|pair| item(pair[0].2) == item(pair[1].2)) {
            if texts.is_none() {
                *texts = Some(spilled.load(self.scratch)?);
            }
            let text = |row: u32| texts.as_ref().map_or("", |texts| texts.get(row));
            for same in run.chunk_by_mut(|one, other| item(one.2) == item(other.2)) {
                same.sort_by(|one, other| text(one.2).cmp(text(other.2)));
            }
        }
        Ok(())
    }

    /// Adds the rows of a user's sequence that stay.
    fn keep(
        &self,
        sequence: impl DoubleEndedIterator<Item = u32> + ExactSizeIterator,
        rows: &Rows,
        kept: &mut Vec<u32>,
    ) {
        let start = kept.len();
        let mut known = HashSet::with_capacity(sequence.len());
        let mut is_new = |row: &u32| known.insert(rows.item[*row as usize]);
        match self.repeats {
            Repeats::Keep => kept.extend(sequence),
            Repeats::First => kept.extend(sequence.filter(|row| is_new(row))),
            Repeats::Last => {
                kept.extend(sequence.rev().filter(|row| is_new(row)));
                kept[start..].reverse();
            }
        }
    }
}

impl Rows {
    /// The rows of those indexes, in their order; each with its index as its record.
    fn take(&self, indexes: &[u32]) -> Self {
        fn of<T: Copy>(values: &[T], indexes: &[u32]) -> Vec<T> {
            indexes.iter().map(|&index| values[index as usize]).collect()
        }
        Self {
            user: of(&self.user, indexes),
            item: of(&self.item, indexes),
            time: of(&self.time, indexes),
            split: if self.split.is_empty() { Vec::new() } else { of(&self.split, indexes) },
            record: indexes.to_vec(),
        }
    }
}
