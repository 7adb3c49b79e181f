//! The stage's parameters.

use contract::{Failure, FailureKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of [`Metrics`](crate::Metrics).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The list lengths `k` to measure at.
    pub cutoffs: Vec<u32>,
    /// The labels of rankings whose hits are counted on codes as well, where codes are bound.
    pub code_level: Vec<String>,
    /// How many resamples of the users the 95 % intervals are made from; 0 makes none.
    pub resamples: usize,
    /// Where groups of users begin, by the number of their training interactions: 5, 10, 20 makes the groups below 5, 5
    /// to 9, 10 to 19, and 20 and more.
    pub history_lengths: Vec<u32>,
    /// Where groups of test items begin, by the number of their training interactions: 1, 5, 20 makes the groups 0 (new items), 1 to 4,
    /// 5 to 19, and 20 and more.
    pub item_counts: Vec<u32>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            cutoffs: vec![1, 5, 10],
            code_level: vec!["pipe".to_owned()],
            resamples: 1000,
            history_lengths: vec![5, 10, 20],
            item_counts: vec![1, 5, 20],
        }
    }
}

impl Parameters {
    /// The same with cutoffs and lengths ascending, each once.
    ///
    /// # Errors
    /// When there is no cutoff, or a cutoff, a length or a count of 0.
    pub(crate) fn checked(mut self) -> Result<Self> {
        for numbers in [&mut self.cutoffs, &mut self.history_lengths, &mut self.item_counts] {
            numbers.sort_unstable();
            numbers.dedup();
        }
        let refuse = |message| Err(Failure::new(FailureKind::Conflict, message));
        if self.cutoffs.first().is_none_or(|&first| first == 0) {
            return refuse(format!("cutoffs = {:?}, expected at least one, each at least 1", self.cutoffs));
        }
        for (name, numbers) in [("history_lengths", &self.history_lengths), ("item_counts", &self.item_counts)] {
            if numbers.first() == Some(&0) {
                return refuse(format!("{name} = {numbers:?}, expected each at least 1"));
            }
        }
        Ok(self)
    }

    /// The length that lists must have for all measures.
    pub(crate) fn largest_cutoff(&self) -> u32 {
        self.cutoffs.iter().copied().max().unwrap_or(0)
    }
}
