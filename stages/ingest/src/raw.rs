//! Interactions as they are published, which the rules apply to.

use crate::Progressing;
use crate::formats::{self, ReadCounts};
use crate::inputs::Inputs;
use crate::metadata::{ItemTexts, Metadata, MetadataCounts, Wanted, read_metadata};
use crate::parameters::{MissingMetadata, Parameters};
use crate::rules::{Cutoffs, Dropped, LeftOut, NewItems, Numbers, keep_core, keep_sample, order};
use crate::table::Table;
use contract::{Failure, FailureKind, Result};
use serde::Serialize;

/// What became of the interactions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ReviewCounts {
    /// The form of the files.
    pub(crate) format: &'static str,
    /// How many files there are.
    pub(crate) files: usize,
    /// Whether the files have times. Without, the order of lines is the order of time.
    pub(crate) has_times: bool,
    /// Rows in the files, without those that cannot be read.
    pub(crate) read: usize,
    /// Rows that became interactions.
    pub(crate) kept: usize,
    /// Rows dropped because they rate below `min_rating`.
    pub(crate) dropped_rated_too_low: usize,
    /// Rows dropped because the same user has another row with the same item.
    pub(crate) dropped_repeated: usize,
    /// Rows dropped because their item has no line of metadata.
    pub(crate) dropped_without_metadata: usize,
    /// Rows that were left out because their user is not in the sample.
    pub(crate) left_out_by_sample: LeftOut,
    /// Rows dropped because their user or item has too few.
    pub(crate) dropped_by_core: Dropped,
    /// Rows of users of whom nothing is known before the cut-off of the split by time.
    pub(crate) left_out_by_cutoff: LeftOut,
    /// Rows read that have no text, or an empty one.
    pub(crate) without_text: usize,
    /// Rows read whose text is there and empty.
    pub(crate) with_empty_text: usize,
    /// Rows read that have no summary, or an empty one.
    pub(crate) without_summary: usize,
    /// Rows whose text was cut at `max_text`.
    pub(crate) texts_cut: usize,
    /// Rows read whose time is a whole day.
    pub(crate) whole_day_times: usize,
    /// Rows read whose time is in milliseconds, microseconds or nanoseconds; it became seconds.
    pub(crate) times_in_finer_units: usize,
    /// Rows read whose time is before 1970.
    pub(crate) times_before_1970: usize,
    /// The rows that could not be read.
    pub(crate) bad_rows: crate::source::BadRows,
}

/// The table after all rules, with the numbers of users and items.
pub(crate) struct Gathered {
    /// The rows that stay.
    pub(crate) table: Table,
    /// The final numbers.
    pub(crate) numbers: Numbers,
    /// The texts of the items, by final number.
    pub(crate) texts: ItemTexts,
    /// The items that are held out of training.
    pub(crate) new_items: NewItems,
}

/// Reads interactions and metadata and applies the rules.
pub(crate) fn gather(
    inputs: &Inputs,
    parameters: &Parameters,
    threads: usize,
    mut table: Table,
    progress: Progressing<'_>,
) -> Result<(Gathered, ReviewCounts, MetadataCounts)> {
    let port = if inputs.has("reviews") { "reviews" } else { "interactions" };
    let files = inputs.files(port)?;
    let cutoffs = Cutoffs::of(parameters)?;
    let read = formats::read(&files, parameters, threads, &mut |batch| {
        table.push_batch(&batch)?;
        progress(table.len());
        Ok(())
    })?;
    let mut counts = ReviewCounts::new(&read);
    counts.dropped_repeated = order(&mut table, parameters.repeats, threads)?;
    let mut metadata = None;
    if parameters.missing_metadata == MissingMetadata::Drop {
        let known = texts_of_all(inputs, &table, parameters, threads)?;
        let before = table.len();
        let has_line = &known.has_line;
        table.drop_rows(|rows| rows.retain(|rows, row| has_line[rows.item[row] as usize]))?;
        counts.dropped_without_metadata = before - table.len();
        metadata = Some(known);
    }
    counts.left_out_by_sample = keep_sample(&mut table, parameters.users)?;
    counts.dropped_by_core = keep_core(&mut table, parameters.min_user_interactions, parameters.min_item_interactions)?;
    let new_items = NewItems::hold_out(&mut table, parameters)?;
    counts.left_out_by_cutoff = match cutoffs {
        Some(cutoffs) => cutoffs.drop_unknown_users(&mut table)?,
        None => LeftOut::default(),
    };
    counts.kept = table.len();
    if counts.kept == 0 {
        return Err(nothing_left(files.first(), &counts, parameters));
    }
    let numbers = Numbers::of(&table, &new_items)?;
    let (texts, metadata) = match metadata {
        Some(mut all) => {
            let text = |&item: &u32| std::mem::take(&mut all.texts[item as usize]);
            (numbers.items.iter().map(text).collect(), all.counts)
        }
        None if inputs.has("metadata") => {
            let wanted = Wanted { ids: &table.items, places: &numbers.of_item, items: numbers.items.len() };
            let read = read_metadata(&inputs.files("metadata")?, wanted, parameters, threads)?;
            (read.texts.into_iter().collect(), read.counts)
        }
        None => (ItemTexts::default(), MetadataCounts::default()),
    };
    Ok((Gathered { table, numbers, texts, new_items }, counts, metadata))
}

/// The metadata of all items of the table, by index.
fn texts_of_all(inputs: &Inputs, table: &Table, parameters: &Parameters, threads: usize) -> Result<Metadata> {
    if !inputs.has("metadata") {
        let message = "missing_metadata is \"drop\", but no metadata is bound: every item would be dropped";
        return Err(Failure::new(FailureKind::Conflict, message).hint("bind metadata, or leave missing_metadata out"));
    }
    let places: Vec<u32> = (0..table.items.len() as u32).collect();
    let wanted = Wanted { ids: &table.items, places: &places, items: places.len() };
    read_metadata(&inputs.files("metadata")?, wanted, parameters, threads)
}

impl ReviewCounts {
    fn new(read: &ReadCounts) -> Self {
        let seen = &read.seen;
        Self {
            format: read.format,
            files: read.files,
            has_times: read.has_times,
            read: seen.read,
            dropped_rated_too_low: seen.rated_too_low,
            without_text: seen.without_text,
            with_empty_text: seen.with_empty_text,
            without_summary: seen.without_summary,
            texts_cut: seen.texts_cut,
            whole_day_times: seen.whole_day_times,
            times_in_finer_units: seen.times_in_finer_units,
            times_before_1970: seen.times_before_1970,
            bad_rows: read.bad_rows.clone(),
            ..Self::default()
        }
    }
}

fn nothing_left(path: &std::path::Path, counts: &ReviewCounts, parameters: &Parameters) -> Failure {
    let core = &counts.dropped_by_core;
    let message = format!(
        "{}: none of {} reviews is left: {} rated below {}, {} repeated, {} of users outside the sample, {} of users with \
         fewer than {} interactions, {} of items with fewer than {}, {} of items without metadata, {} of users without \
         interactions before the cut-off; {} rows could not be read",
        path.display(),
        counts.read,
        counts.dropped_rated_too_low,
        parameters.min_rating,
        counts.dropped_repeated,
        counts.left_out_by_sample.interactions,
        core.rows_of_rare_users,
        parameters.min_user_interactions,
        core.rows_of_rare_items,
        parameters.min_item_interactions,
        counts.dropped_without_metadata,
        counts.left_out_by_cutoff.interactions,
        counts.bad_rows.skipped,
    );
    let hint = match counts.read {
        0 => "the file holds no reviews: is it the right one?",
        _ => "lower min_user_interactions, min_item_interactions or min_rating, or take more users",
    };
    Failure::new(FailureKind::NothingUsable, message).hint(hint)
}
