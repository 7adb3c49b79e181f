//! The report in lines for people.

use crate::metadata::MetadataCounts;
use crate::pairs::PairCounts;
use crate::raw::ReviewCounts;
use crate::report::{Report, Source};
use crate::rules::LeftOut;
use crate::sequences::SequenceCounts;
use crate::write::SHORTEST_HELD_OUT;

impl Report {
    /// The report in lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = match &self.source {
            Source::Raw { reviews, metadata } => raw_lines(reviews, metadata),
            Source::Processed { sequences } => {
                let SequenceCounts { read, users_read, users_without_items, repeated, left_out_by_sample, .. } =
                    sequences;
                let read = format!(
                    "read {read} interactions of {users_read} users; {users_without_items} users have none, \
                     {repeated} interactions repeat an item"
                );
                std::iter::once(read).chain(sample_line(left_out_by_sample)).collect()
            }
            Source::Pairs { pairs } => {
                let PairCounts { read, users_read, dropped_repeated, left_out_by_sample } = pairs;
                let read = format!("read {read} pairs of {users_read} users; dropped {dropped_repeated} repeated");
                std::iter::once(read).chain(sample_line(left_out_by_sample)).collect()
            }
        };
        let result = &self.result;
        lines.push(format!(
            "kept {} users, {} items, {} interactions, {:.3} a user; {} test items, {} validation items",
            result.users, result.items, result.interactions, result.mean_length, result.test, result.validation
        ));
        if result.new_items > 0 {
            lines.push(format!(
                "{} new items: {} test, {} interactions of them are left out",
                result.new_items, result.tests_of_new_items, result.left_out_of_new_items
            ));
        }
        match &self.leakage {
            None => lines.push(format!("{} users only train", result.users_that_only_train)),
            Some(leakage) => {
                lines.push(format!(
                    "{} items without metadata, {} without title; {} users with fewer than {SHORTEST_HELD_OUT} \
                     interactions only train",
                    result.items_without_metadata, result.items_without_title, result.users_that_only_train
                ));
                lines.push(format!(
                    "ID-leak check: {} test items have the same time as the item before, {} are in the user's history; \
                     the test item is the last item's number + 1 for {:.2} % of users",
                    leakage.test_item_tied_in_time,
                    leakage.test_item_in_history,
                    100.0 * leakage.next_number_hit_rate
                ));
            }
        }
        lines.extend(self.warnings().iter().map(|warning| format!("warning: {warning}")));
        lines
    }
}

fn raw_lines(reviews: &ReviewCounts, metadata: &MetadataCounts) -> Vec<String> {
    let core = &reviews.dropped_by_core;
    let mut lines: Vec<String> = sample_line(&reviews.left_out_by_sample).into_iter().collect();
    lines.push(format!(
        "read {} rows of {} files ({}); dropped {} rated too low, {} repeated, {} of rare users, {} of rare items; kept {}",
        reviews.read,
        reviews.files,
        reviews.format,
        reviews.dropped_rated_too_low,
        reviews.dropped_repeated,
        core.rows_of_rare_users,
        core.rows_of_rare_items,
        reviews.kept
    ));
    let LeftOut { users, interactions } = reviews.left_out_by_cutoff;
    if users > 0 {
        lines.push(format!("left out {users} users with {interactions} rows, all of them after the cut-off"));
    }
    if reviews.dropped_without_metadata > 0 {
        lines.push(format!("dropped {} rows of items without metadata", reviews.dropped_without_metadata));
    }
    if reviews.times_in_finer_units > 0 {
        let finer = reviews.times_in_finer_units;
        lines.push(format!("{finer} times are in milliseconds or finer units; they became seconds"));
    }
    lines.push(format!("{} reviews have no text, {} no summary", reviews.without_text, reviews.without_summary));
    if metadata.read > 0 {
        lines.push(format!(
            "read {} lines of metadata: {} repeat an item, {} are of other items, {} have a piece of a page as title",
            metadata.read, metadata.repeated, metadata.of_other_items, metadata.page_fragment_titles
        ));
    }
    let cut = reviews.texts_cut + metadata.texts_cut;
    if cut > 0 {
        lines.push(format!("cut {cut} texts at max_text"));
    }
    lines
}

/// What a sample left out, if it did.
fn sample_line(left_out: &LeftOut) -> Option<String> {
    let LeftOut { users, interactions } = left_out;
    (*users > 0).then(|| format!("left out {users} users with {interactions} interactions, who are not in the sample"))
}
