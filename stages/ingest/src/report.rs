//! What was read, what became of it, and whether anything tells of the test item.

use crate::metadata::MetadataCounts;
use crate::numbering::Numbered;
use crate::pairs::PairCounts;
use crate::processed::SequenceCounts;
use crate::raw::ReviewCounts;
use crate::sample::LeftOut;
use crate::split::SHORTEST_HELD_OUT;
use crate::texts::Text;
use frames::{Interactions, Split};
use serde::Serialize;

/// The form that came in, with its counts.
#[derive(Debug, Serialize)]
#[serde(tag = "form", rename_all = "kebab-case")]
pub(crate) enum Source {
    /// Raw reviews and metadata.
    Raw { reviews: ReviewCounts, metadata: MetadataCounts },
    /// Processed sequences.
    Processed { sequences: SequenceCounts },
    /// Pairs with their own split.
    Pairs { pairs: PairCounts },
}

/// The content of `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    source: Source,
    result: ResultCounts,
    /// Absent for pairs with their own split, which have no order.
    leakage: Option<Leakage>,
}

#[derive(Debug, Serialize)]
struct ResultCounts {
    users: usize,
    items: usize,
    interactions: usize,
    mean_length: f64,
    /// The ratio of users with more than `max_history` interactions.
    longer_than_max_history: f64,
    train: usize,
    validation: usize,
    test: usize,
    /// Users with nothing held out: those with fewer than three interactions, unless the split was published.
    users_that_only_train: usize,
    items_without_metadata: usize,
    items_without_title: usize,
    reviews: usize,
    split_digest: String,
}

/// Ways in which the test item could be known beforehand.
#[derive(Debug, Serialize)]
struct Leakage {
    /// Test items that the same user had before. Then leaving seen items out loses the answer.
    test_item_in_history: usize,
    /// Test items as old as the item before them: the hash decided which of them is the test item.
    test_item_tied_in_time: usize,
    /// Test items older than the item before them; must be 0.
    test_item_before_history: usize,
    /// How often "the number of the last item, plus one" is the test item, with the numbers given here. Near 0.
    next_number_hit_rate: f64,
    /// The same with the numbers of the published files.
    next_published_number_hit_rate: Option<f64>,
}

impl Report {
    pub(crate) fn new(numbered: &Numbered, interactions: &Interactions, source: Source) -> Self {
        let dataset = &interactions.dataset;
        let of = |split| interactions.split.iter().filter(|&&other| other == split).count();
        let users = |wanted: &dyn Fn(usize) -> bool| {
            numbered.sequences.iter().filter(|sequence| wanted(sequence.len())).count()
        };
        let result = ResultCounts {
            users: dataset.users,
            items: dataset.items,
            interactions: dataset.interactions,
            mean_length: dataset.interactions as f64 / dataset.users as f64,
            longer_than_max_history: users(&|length| length > dataset.max_history) as f64 / dataset.users as f64,
            train: of(Split::Train),
            validation: of(Split::Validation),
            test: of(Split::Test),
            users_that_only_train: dataset.users - users_held_out_of(interactions),
            items_without_metadata: numbered.texts.iter().filter(|text| Text::is_empty(text)).count(),
            items_without_title: numbered.texts.iter().filter(|text| text.title.is_empty()).count(),
            reviews: numbered.rows().filter(|row| !row.review.is_empty()).count(),
            split_digest: dataset.split_digest.clone(),
        };
        let leakage = (!numbered.has_own_split()).then(|| Leakage::of(numbered));
        Self { source, result, leakage }
    }

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
        let Some(leakage) = &self.leakage else {
            lines.push(format!("{} users only train", result.users_that_only_train));
            return lines;
        };
        lines.push(format!(
            "{} items without metadata, {} without title; {} users with fewer than {SHORTEST_HELD_OUT} interactions \
             only train",
            result.items_without_metadata, result.items_without_title, result.users_that_only_train
        ));
        lines.push(format!(
            "ID-leak check: {} test items have the same time as the item before, {} are in the user's history; \
             the test item is the last item's number + 1 for {:.2} % of users",
            leakage.test_item_tied_in_time,
            leakage.test_item_in_history,
            100.0 * leakage.next_number_hit_rate
        ));
        lines
    }
}

/// How many users have a row that does not train.
fn users_held_out_of(interactions: &Interactions) -> usize {
    interactions.sequences(&[Split::Validation, Split::Test]).iter().filter(|items| !items.is_empty()).count()
}

fn raw_lines(reviews: &ReviewCounts, metadata: &MetadataCounts) -> Vec<String> {
    let core = &reviews.dropped_by_core;
    let lines = [
        format!(
            "read {} reviews; dropped {} rated too low, {} repeated, {} of rare users, {} of rare items; kept {}",
            reviews.read,
            reviews.dropped_rated_too_low,
            reviews.dropped_repeated,
            core.rows_of_rare_users,
            core.rows_of_rare_items,
            reviews.kept
        ),
        format!("{} reviews have no text, {} no summary", reviews.without_text, reviews.without_summary),
        format!(
            "read {} lines of metadata: {} repeat an item, {} are of other items, {} have a piece of a page as title",
            metadata.read, metadata.repeated, metadata.of_other_items, metadata.page_fragment_titles
        ),
    ];
    sample_line(&reviews.left_out_by_sample).into_iter().chain(lines).collect()
}

/// What a sample left out, if it did.
fn sample_line(left_out: &LeftOut) -> Option<String> {
    let LeftOut { users, interactions } = left_out;
    (*users > 0).then(|| format!("left out {users} users with {interactions} interactions, who are not in the sample"))
}

impl Leakage {
    fn of(numbered: &Numbered) -> Self {
        let tested = || numbered.sequences.iter().filter(|sequence| sequence.len() >= SHORTEST_HELD_OUT);
        let ends = || tested().filter_map(|sequence| sequence.last_chunk::<2>());
        let ratio = |hits: usize| hits as f64 / tested().count().max(1) as f64;
        let in_history = |sequence: &&Vec<_>| {
            let sequence: &[crate::gathered::Row] = sequence;
            sequence.split_last().is_some_and(|(last, before)| before.iter().any(|row| row.item == last.item))
        };
        let next_published =
            |numbers: &Vec<i64>| ends().filter(|[before, last]| numbers[before.item] + 1 == numbers[last.item]).count();
        Self {
            test_item_in_history: tested().filter(in_history).count(),
            test_item_tied_in_time: ends().filter(|[before, last]| before.time == last.time).count(),
            test_item_before_history: ends().filter(|[before, last]| before.time > last.time).count(),
            next_number_hit_rate: ratio(ends().filter(|[before, last]| before.item + 1 == last.item).count()),
            next_published_number_hit_rate: numbered.published_numbers.as_ref().map(next_published).map(ratio),
        }
    }
}
