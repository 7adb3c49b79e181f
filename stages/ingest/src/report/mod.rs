//! What was read, what became of it, and whether anything tells of the test item.

mod histogram;
mod html;
mod leakage;
mod lines;
mod observed;
mod warnings;

pub(crate) use observed::Observed;

use crate::metadata::MetadataCounts;
use crate::pairs::PairCounts;
use crate::raw::{Gathered, ReviewCounts};
use crate::sequences::SequenceCounts;
use contract::{Failure, Result};
use frames::{Dataset, write_json};
use histogram::Bar;
use leakage::Leakage;
use serde::Serialize;
use std::path::Path;

/// The form that came in, with its counts.
#[derive(Debug, Serialize)]
#[serde(tag = "form", rename_all = "kebab-case")]
pub(crate) enum Source {
    /// Interactions as published, and metadata.
    Raw { reviews: Box<ReviewCounts>, metadata: MetadataCounts },
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
    /// Checks that failed; with `strict = true` they are errors.
    warnings: Vec<String>,
    /// Users by the number of their interactions.
    lengths: Vec<Bar>,
    /// Items by the number of their interactions.
    popularity: Vec<Bar>,
    most_frequent_items: Vec<FrequentItem>,
}

#[derive(Debug, Serialize)]
struct ResultCounts {
    users: usize,
    items: usize,
    interactions: usize,
    mean_length: f64,
    /// The ratio of pairs of a user and an item that have no interaction.
    sparsity: f64,
    /// The ratio of users with more than `max_history` interactions.
    longer_than_max_history: f64,
    train: usize,
    validation: usize,
    test: usize,
    /// Users with nothing held out: those with fewer than three interactions, unless the split was published.
    users_that_only_train: usize,
    /// Interactions at the same time as the one of the same user before them: a hash decided their order.
    tied_in_time: usize,
    /// Interactions with an item that the same user had before.
    repeated_items: usize,
    /// Items that are held out of training altogether.
    new_items: usize,
    /// Their interactions that are left out, for they do not test.
    left_out_of_new_items: usize,
    /// Their interactions that test.
    tests_of_new_items: usize,
    items_without_metadata: usize,
    items_without_title: usize,
    reviews: usize,
    split_digest: String,
}

/// One of the items with the most interactions.
#[derive(Debug, Serialize)]
struct FrequentItem {
    item: String,
    title: String,
    interactions: u32,
}

impl Report {
    /// The report of what was gathered and observed while it was written.
    pub(crate) fn new(gathered: &Gathered, dataset: &Dataset, observed: &Observed, mut source: Source) -> Self {
        if let Source::Processed { sequences } = &mut source {
            sequences.repeated = observed.repeated_items;
        }
        let (users, items) = (dataset.users as f64, dataset.items as f64);
        let texts = || (0..dataset.items).map(|item| gathered.texts.get(item));
        let result = ResultCounts {
            users: dataset.users,
            items: dataset.items,
            interactions: dataset.interactions,
            mean_length: dataset.interactions as f64 / users,
            sparsity: 1.0 - (dataset.interactions - observed.repeated_items) as f64 / (users * items),
            longer_than_max_history: observed.longer_than_max_history as f64 / users,
            train: observed.train,
            validation: observed.validation,
            test: observed.test,
            users_that_only_train: dataset.users - observed.users_held_out_of,
            tied_in_time: observed.tied_in_time,
            repeated_items: observed.repeated_items,
            new_items: gathered.new_items.items,
            left_out_of_new_items: gathered.new_items.left_out,
            tests_of_new_items: tests_of_new_items(gathered, observed),
            items_without_metadata: texts().filter(|text| text.is_empty()).count(),
            items_without_title: texts().filter(|text| text.title.is_empty()).count(),
            reviews: observed.reviews,
            split_digest: dataset.split_digest.clone(),
        };
        let leakage = (!gathered.table.has_own_split).then(|| Leakage::of(observed));
        let mut report = Self {
            source,
            result,
            leakage,
            warnings: Vec::new(),
            lengths: histogram::histogram(observed.lengths.iter().map(|(&length, &users)| (length, users))),
            popularity: histogram::histogram(observed.item_counts.iter().map(|&count| (count as usize, 1))),
            most_frequent_items: most_frequent(gathered, observed),
        };
        report.warnings = report.checks();
        report
    }

    /// The checks that failed.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Writes `report.json` and `report.html` to a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write_json(folder, "report.json", self)?;
        let path = folder.join("report.html");
        fs_err::write(&path, self.html()?).map_err(|error| Failure::writing(&path, error))
    }
}

/// The interactions of new items: all that they have left, test.
fn tests_of_new_items(gathered: &Gathered, observed: &Observed) -> usize {
    let counts = gathered.numbers.items.iter().zip(&observed.item_counts);
    counts.filter(|(item, _)| gathered.new_items.has(**item)).map(|(_, &count)| count as usize).sum()
}

/// The ten items with the most interactions; of equal ones those whose identifier sorts first.
fn most_frequent(gathered: &Gathered, observed: &Observed) -> Vec<FrequentItem> {
    const SHOWN: usize = 10;
    let Gathered { table, numbers, texts, .. } = gathered;
    let id = |number: usize| table.items.get(numbers.items[number]);
    let mut order: Vec<usize> = (0..numbers.items.len()).collect();
    order.sort_by_key(|&number| (std::cmp::Reverse(observed.item_counts[number]), id(number)));
    let item = |&number: &usize| FrequentItem {
        item: id(number).to_owned(),
        title: texts.get(number).title.clone(),
        interactions: observed.item_counts[number],
    };
    order.iter().take(SHOWN).map(item).collect()
}
