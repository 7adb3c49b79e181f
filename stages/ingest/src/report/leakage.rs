//! Ways in which the test item could be known beforehand.

use crate::report::Observed;
use serde::Serialize;

/// What the search for leaks of the test item found.
#[derive(Debug, Serialize)]
pub(super) struct Leakage {
    /// Test items that the same user had before. Then leaving seen items out loses the answer.
    pub(super) test_item_in_history: usize,
    /// Test items as old as the item before them: the hash decided which of them is the test item.
    pub(super) test_item_tied_in_time: usize,
    /// Test items older than the item before them; must be 0.
    pub(super) test_item_before_history: usize,
    /// How often "the number of the last item, plus one" is the test item, with the numbers given here. Near 0.
    pub(super) next_number_hit_rate: f64,
    /// The same with the numbers of the published files.
    pub(super) next_published_number_hit_rate: Option<f64>,
}

impl Leakage {
    pub(super) fn of(observed: &Observed) -> Self {
        let ratio = |hits: usize| hits as f64 / observed.tested_users.max(1) as f64;
        Self {
            test_item_in_history: observed.test_item_in_history,
            test_item_tied_in_time: observed.test_item_tied_in_time,
            test_item_before_history: observed.test_item_before_history,
            next_number_hit_rate: ratio(observed.next_number),
            next_published_number_hit_rate: observed.next_published_number.map(ratio),
        }
    }
}
