//! Whether two models differ by more than chance, for `pipe compare`.

use super::Question;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Tests pairs of models by the ranks of the users that both have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The pairs; each is tested on its own.
    pub pairs: Vec<Pair>,
    /// How many bootstrap resamples of the users give an interval, at least 1.
    #[serde(default = "default_resamples")]
    pub resamples: usize,
    /// How many random sign assignments the test draws, at least 1.
    #[serde(default = "default_permutations")]
    pub permutations: usize,
    /// The seed of every draw; each metric of each pair starts from it.
    #[serde(default)]
    pub seed: u64,
}

impl Compare {
    /// Tests these pairs with the default numbers of resamples and permutations.
    #[must_use]
    pub fn new(pairs: Vec<Pair>) -> Self {
        Self { pairs, resamples: default_resamples(), permutations: default_permutations(), seed: 0 }
    }
}

fn default_resamples() -> usize {
    1000
}

fn default_permutations() -> usize {
    10_000
}

/// Two sides, and the metrics to compare them by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The ranks of one side, such as one list for each seed; each user counts with the mean over the lists.
    pub a: Vec<RankList>,
    /// The ranks of the other side.
    pub b: Vec<RankList>,
    /// `HR@k`, `NDCG@k` or `MRR`; metrics that a single user does not have are omitted from the answer.
    pub metrics: Vec<String>,
}

/// The ranks of one model in an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankList {
    /// The folder with `ranks.parquet`.
    pub ranks: PathBuf,
    /// The rows to read, by column: `model`, `seen` and `hits`.
    #[serde(rename = "where")]
    pub measured: BTreeMap<String, String>,
}

/// The results, in the order of the pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// One for each pair.
    pub pairs: Vec<ComparedPair>,
}

/// The result of a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedPair {
    /// The number of users that every list of both sides has; only these are compared.
    pub users: usize,
    /// The number of users that a list of A has and that are not compared.
    pub only_a: usize,
    /// The number of users that a list of B has and that are not compared.
    pub only_b: usize,
    /// The number of compared users whose history differs in length between lists; above 0, the data differ.
    pub unlike: usize,
    /// The comparison by each metric.
    pub metrics: BTreeMap<String, Comparison>,
}

/// Two sides by one metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The mean of A over the users.
    pub a: f64,
    /// The mean of B over the users.
    pub b: f64,
    /// A minus B.
    pub difference: f64,
    /// The lower bound of the 95 % interval of the difference.
    pub low: f64,
    /// The upper bound of the 95 % interval of the difference.
    pub high: f64,
    /// The probability of a difference at least as large between equally good models.
    pub p: f64,
}

impl Question for Compare {
    const NAME: &'static str = "compare";
    type Answer = Compared;
}
