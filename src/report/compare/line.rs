//! The lines of a comparison and their numbers.

use crate::report::compare::statistics::{mean, standard_deviation};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The column of metrics that says what was measured; the best is sought among lines that are alike but for it.
pub(super) const MODEL: &str = "model";

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The subject; empty for one that is the same for all.
    pub subject: String,
    /// What was measured.
    pub identity: Vec<(String, String)>,
    /// Over how many seeds.
    pub seeds: usize,
    /// The numbers by column.
    pub cells: BTreeMap<String, Cell>,
    /// The ranks that the numbers come from, one for each seed.
    pub ranks: Vec<PathBuf>,
}

/// One number of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The mean over the seeds; nothing where only the paper has a number.
    pub mean: Option<f64>,
    /// The standard deviation over the seeds, of two or more.
    pub std: Option<f64>,
    /// Whether it is the best of its column.
    pub best: bool,
    /// Its difference to the reference.
    pub significance: Option<Significance>,
    /// What the paper has.
    pub paper: Option<f64>,
}

/// The difference to the reference, paired over the users that both have.
#[derive(Clone, Debug, PartialEq)]
pub struct Significance {
    /// How many users.
    pub users: u64,
    /// The difference, and its 95 % interval.
    pub difference: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The p-value.
    pub p: f64,
    /// The same after Holm's correction over the subjects.
    pub adjusted: f64,
}

impl Line {
    /// The model that was measured.
    pub(super) fn model(&self) -> Option<&str> {
        self.identity.iter().find(|(name, _)| name == MODEL).map(|(_, text)| text.as_str())
    }

    /// What it has to share with another to be its rival.
    pub(super) fn scope(&self) -> Vec<&(String, String)> {
        self.identity.iter().filter(|(name, _)| name != MODEL).collect()
    }
}

impl Cell {
    /// Of the values of each seed.
    pub fn of(values: &[f64]) -> Self {
        let mean = (!values.is_empty()).then(|| mean(values));
        Self { mean, std: standard_deviation(values), best: false, significance: None, paper: None }
    }
}
