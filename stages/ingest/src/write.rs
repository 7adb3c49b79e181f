//! The outputs, written bucket by bucket, and what is counted on the way.

use crate::digest::TextHasher;
use crate::metadata::{ItemTexts, Text};
use crate::parameters::{Holdout, Parameters};
use crate::report::Observed;
use crate::rules::{Cutoffs, Numbers};
use crate::table::{Bucket, Table};
use contract::{Failure, FailureKind, Result};
use frames::{Dataset, InteractionRows, InteractionsWriter, ItemRow, Items, ReviewRows, ReviewsWriter, Split, Users};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

/// The fewest interactions of a user that the last ones are held out of.
pub(crate) const SHORTEST_HELD_OUT: usize = 3;

/// The folders of the outputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folders<'a> {
    /// For `interactions.parquet` and `dataset.json`.
    pub(crate) interactions: &'a Path,
    /// For `users.parquet`.
    pub(crate) users: &'a Path,
    /// For `items.parquet`.
    pub(crate) items: &'a Path,
    /// For `reviews.parquet`.
    pub(crate) reviews: &'a Path,
}

/// Writes all rows; they must be ordered and filtered. Without folders it only counts.
pub(crate) fn write_rows(
    table: &mut Table,
    numbers: &Numbers,
    parameters: &Parameters,
    cutoffs: Option<Cutoffs>,
    folders: Option<Folders<'_>>,
) -> Result<(Dataset, Observed)> {
    let mut rows = Rows {
        numbers,
        parameters,
        cutoffs,
        user: 0,
        hasher: TextHasher::default(),
        observed: Observed::new(numbers.items.len(), table.published_numbers.is_some(), parameters.max_history),
    };
    let mut dataset = Dataset {
        users: numbers.users.len(),
        items: numbers.items.len(),
        interactions: table.len(),
        max_history: parameters.max_history,
        holdout: if table.has_own_split { "published" } else { parameters.holdout.as_str() }.to_owned(),
        split_digest: String::new(),
    };
    let mut buckets = std::mem::take(&mut table.buckets);
    let Some(folders) = folders else {
        buckets.iter().try_for_each(|bucket| rows.add(table, bucket, &mut |_| Ok(()), &mut |_| Ok(())))?;
        dataset.split_digest = std::mem::take(&mut rows.hasher).finish();
        return Ok((dataset, rows.observed));
    };
    let mut interactions = InteractionsWriter::create(folders.interactions)?;
    let mut reviews = ReviewsWriter::create(folders.reviews)?;
    // Compression takes most of the time, so each file has a thread.
    std::thread::scope(|scope| -> Result<()> {
        let (give_interactions, taken) = sync_channel::<InteractionRows>(1);
        let interactions = &mut interactions;
        let write_interactions = scope.spawn(move || taken.iter().try_for_each(|rows| interactions.add(&rows)));
        let (give_reviews, taken) = sync_channel::<ReviewRows>(1);
        let reviews = &mut reviews;
        let write_reviews = scope.spawn(move || taken.iter().try_for_each(|rows| reviews.add(&rows)));
        let (mut full_interactions, mut full_reviews) = (InteractionRows::default(), ReviewRows::default());
        let added = buckets.drain(..).try_for_each(|bucket| {
            rows.add(
                table,
                &bucket,
                &mut |row| push_interaction(&mut full_interactions, row, &give_interactions),
                &mut |row| push_review(&mut full_reviews, row, &give_reviews),
            )
        });
        // A writer that has gone has the reason.
        let last = (give_interactions.send(full_interactions).is_ok(), give_reviews.send(full_reviews).is_ok());
        drop((give_interactions, give_reviews, last));
        join(write_interactions)?;
        join(write_reviews)?;
        added
    })?;
    dataset.split_digest = std::mem::take(&mut rows.hasher).finish();
    interactions.finish(&dataset)?;
    reviews.finish()?;
    Ok((dataset, rows.observed))
}

/// Writes the tables of users and items.
pub(crate) fn write_ids(table: &Table, numbers: &Numbers, texts: &ItemTexts, folders: Folders<'_>) -> Result<()> {
    Users::write_each(folders.users, numbers.users.iter().map(|&user| table.users.get(user)))?;
    let rows = (0..).zip(&numbers.items).map(|(number, &item)| {
        let Text { title, description, brand, categories } = texts.get(number);
        ItemRow { id: table.items.get(item), title, description, brand, categories }
    });
    Items::write_each(folders.items, rows)
}

/// A row of the outputs.
#[derive(Clone, Copy)]
struct OutputRow {
    user: u32,
    item: u32,
    position: u32,
    time: i64,
    split: Split,
}

/// A review of the outputs.
#[derive(Clone, Copy)]
struct OutputReview<'a> {
    user: u32,
    item: u32,
    text: &'a str,
}

/// Turns the table's rows into those of the outputs.
struct Rows<'a> {
    numbers: &'a Numbers,
    parameters: &'a Parameters,
    cutoffs: Option<Cutoffs>,
    /// The number of the next user.
    user: u32,
    hasher: TextHasher,
    observed: Observed,
}

impl Rows<'_> {
    fn add(
        &mut self,
        table: &Table,
        bucket: &Bucket,
        interaction: &mut dyn FnMut(OutputRow) -> Result<()>,
        review: &mut dyn FnMut(OutputReview<'_>) -> Result<()>,
    ) -> Result<()> {
        let texts = bucket.texts.load(&table.scratch)?;
        let rows = bucket.rows.load(&table.scratch)?;
        let published = table.published_numbers.as_deref();
        for sequence in rows.sequences() {
            let user = self.user;
            let user_id = table.users.get(rows.user[sequence.start]);
            let split_of =
                |row: usize| self.split(rows.split.get(row), row - sequence.start, sequence.len(), rows.time[row]);
            let splits: Vec<Split> = sequence.clone().map(split_of).collect();
            self.observed.add(&rows, sequence.clone(), &splits, &self.numbers.of_item, published);
            for (row, &split) in sequence.clone().zip(&splits) {
                let item = self.numbers.of_item[rows.item[row] as usize];
                let position = (row - sequence.start) as u32;
                self.hasher.add(user_id);
                self.hasher.add(table.items.get(rows.item[row]));
                self.hasher.add(split.as_str());
                interaction(OutputRow { user, item, position, time: rows.time[row], split })?;
                let text = texts.get(rows.record[row]);
                if !text.is_empty() {
                    self.observed.reviews += 1;
                    review(OutputReview { user, item, text })?;
                }
            }
            self.user += 1;
        }
        Ok(())
    }

    fn split(&self, own: Option<&Split>, position: usize, length: usize, time: i64) -> Split {
        match (own, self.cutoffs) {
            (Some(&split), _) => split,
            (None, Some(cutoffs)) => cutoffs.split(time),
            (None, None) => split_of(position, length, self.parameters.holdout),
        }
    }
}

fn push_interaction(full: &mut InteractionRows, row: OutputRow, give: &SyncSender<InteractionRows>) -> Result<()> {
    full.user.push(row.user);
    full.item.push(row.item);
    full.position.push(row.position);
    full.time.push(row.time);
    full.split.push(row.split);
    if full.is_full() {
        give.send(std::mem::take(full)).map_err(|_| gone())?;
    }
    Ok(())
}

fn push_review(full: &mut ReviewRows, row: OutputReview<'_>, give: &SyncSender<ReviewRows>) -> Result<()> {
    full.push(row.user, row.item, row.text);
    if full.is_full() {
        give.send(std::mem::take(full)).map_err(|_| gone())?;
    }
    Ok(())
}

/// The failure of rows that nobody writes any more; whoever wrote them has the reason, which is reported instead.
fn gone() -> Failure {
    Failure::new(FailureKind::Output, "the writer of a table has ended")
}

fn join(writer: std::thread::ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn split_of(position: usize, length: usize, holdout: Holdout) -> Split {
    let from_end = length - position;
    match (from_end, holdout) {
        _ if length < SHORTEST_HELD_OUT => Split::Train,
        (1, _) => Split::Test,
        (2, Holdout::LastTwo) => Split::Validation,
        _ => Split::Train,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Split::{Test, Train, Validation};

    #[test]
    fn the_last_item_tests_unless_there_are_too_few() {
        let splits = |length, holdout| (0..length).map(|at| split_of(at, length, holdout)).collect::<Vec<_>>();
        assert_eq!(splits(3, Holdout::Last), vec![Train, Train, Test]);
        assert_eq!(splits(4, Holdout::LastTwo), vec![Train, Train, Validation, Test]);
        assert_eq!(splits(2, Holdout::LastTwo), vec![Train, Train]);
    }
}
