//! What is counted while the rows are written.

use crate::table::Rows;
use frames::Split;
use hashbrown::HashSet;
use std::collections::BTreeMap;
use std::ops::Range;

/// Counts over the rows of the outputs.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Rows that train.
    pub(crate) train: usize,
    /// Rows that validate.
    pub(crate) validation: usize,
    /// Rows that test.
    pub(crate) test: usize,
    /// Users with a row that does not train.
    pub(crate) users_held_out_of: usize,
    /// Users with more than `max_history` rows.
    pub(crate) longer_than_max_history: usize,
    /// Rows at the same time as the row of the same user before them.
    pub(crate) tied_in_time: usize,
    /// Rows with an item that the same user had before.
    pub(crate) repeated_items: usize,
    /// Rows with a review.
    pub(crate) reviews: usize,
    /// How many users have how many rows.
    pub(crate) lengths: BTreeMap<usize, usize>,
    /// `[items]` rows of each item, by final number.
    pub(crate) item_counts: Vec<u32>,
    /// Users with a test row that has a row before it.
    pub(crate) tested_users: usize,
    /// Test rows with an item that the same user had before.
    pub(crate) test_item_in_history: usize,
    /// Of these users, those whose first test row has the time of the row before it.
    pub(crate) test_item_tied_in_time: usize,
    /// Those whose first test row is older than the row before it.
    pub(crate) test_item_before_history: usize,
    /// Those whose first test item has the number after that of the item before it.
    pub(crate) next_number: usize,
    /// The same with the numbers of the published files, if they have any.
    pub(crate) next_published_number: Option<usize>,
    max_history: usize,
}

impl Observed {
    /// Counts of nothing yet.
    pub(crate) fn new(items: usize, has_published_numbers: bool, max_history: usize) -> Self {
        let next_published_number = has_published_numbers.then_some(0);
        Self { item_counts: vec![0; items], next_published_number, max_history, ..Self::default() }
    }

    /// Counts the rows of a user: `splits` says what each is used for, `of_item` has the final numbers of items.
    pub(crate) fn add(
        &mut self,
        rows: &Rows,
        sequence: Range<usize>,
        splits: &[Split],
        of_item: &[u32],
        published: Option<&[i64]>,
    ) {
        let items = &rows.item[sequence.clone()];
        let times = &rows.time[sequence];
        let count = |wanted: Split| splits.iter().filter(|&&split| split == wanted).count();
        let (validation, test) = (count(Split::Validation), count(Split::Test));
        self.train += items.len() - validation - test;
        self.validation += validation;
        self.test += test;
        self.users_held_out_of += usize::from(validation + test > 0);
        self.longer_than_max_history += usize::from(items.len() > self.max_history);
        self.tied_in_time += times.windows(2).filter(|pair| pair[0] == pair[1]).count();
        *self.lengths.entry(items.len()).or_default() += 1;
        let mut had = HashSet::with_capacity(items.len());
        for (&item, &split) in items.iter().zip(splits) {
            self.item_counts[of_item[item as usize] as usize] += 1;
            let is_repeated = !had.insert(item);
            self.repeated_items += usize::from(is_repeated);
            self.test_item_in_history += usize::from(is_repeated && split == Split::Test);
        }
        let Some(first) = splits.iter().position(|&split| split == Split::Test).filter(|&first| first > 0) else {
            return;
        };
        self.tested_users += 1;
        self.test_item_tied_in_time += usize::from(times[first - 1] == times[first]);
        self.test_item_before_history += usize::from(times[first - 1] > times[first]);
        let (before, tested) = (items[first - 1] as usize, items[first] as usize);
        self.next_number += usize::from(of_item[before] + 1 == of_item[tested]);
        if let (Some(hits), Some(published)) = (&mut self.next_published_number, published) {
            *hits += usize::from(published[before] + 1 == published[tested]);
        }
    }
}
