//! Whether two models differ by more than chance, told from the ranks of the users that both have.
//!
//! Of each user the difference d of a metric is taken, A less B; a side of several lists, such as one of several seeds,
//! gives the user the mean over its lists. The difference of the sides is the mean of d.
//!
//! * `p` comes from a two-sided paired randomisation test: were the models alike, each d could as well have the other
//!   sign. It is the share of random signs that bring the mean at least as far from 0, `(1 + n) / (1 + permutations)`.
//! * `low` and `high` are the 95 % interval of the mean difference, by a bootstrap over users.
//!
//! Both draw whole groups of users of equal difference at a time, exactly as if each user were drawn alone.

mod pairing;
mod significance;

use crate::bootstrap::Groups;
use crate::measure::Measure;
use contract::{Failure, FailureKind, Result};
use frames::Measured;
use pairing::{Pairing, Side};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use significance::Differences;
use std::path::PathBuf;

/// What is to be compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The pairs, each on its own.
    pub pairs: Vec<Pair>,
    /// How many resamples of the users an interval is made from, at least 1.
    #[serde(default = "default_resamples")]
    pub resamples: usize,
    /// How many random signs the test tries, at least 1.
    #[serde(default = "default_permutations")]
    pub permutations: usize,
    /// The seed of all that is drawn. Each metric of each pair starts from it.
    #[serde(default)]
    pub seed: u64,
}

fn default_resamples() -> usize {
    1000
}

fn default_permutations() -> usize {
    10_000
}

/// Two sides and the metrics to compare them by.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// One side.
    pub a: Lists,
    /// The other.
    pub b: Lists,
    /// `HR@k`, `NDCG@k` or `MRR`; others, which no single user has, are left out of the answer.
    pub metrics: Vec<String>,
}

/// The ranks of a side.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Lists {
    /// Of one run.
    One(List),
    /// Of several, such as one a seed; each user counts with the mean.
    Many(Vec<List>),
}

/// Ranks in an artifact.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The folder with `ranks.parquet`.
    pub ranks: PathBuf,
    /// Which of its rows.
    #[serde(rename = "where")]
    pub measured: Measured,
}

/// What came out, pair by pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// In the order of the request.
    pub pairs: Vec<Compared>,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Users that every list of both sides has: those that were compared.
    pub users: usize,
    /// Users that some list of A has and that were not compared.
    pub only_a: usize,
    /// Users that some list of B has and that were not compared.
    pub only_b: usize,
    /// Compared users whose history does not have one length in all lists. Unless it is 0, the lists are of different
    /// data, and one number may stand for two people.
    pub unlike: usize,
    /// By the name of the metric: a [`Comparison`].
    pub metrics: Map<String, Value>,
}

/// Two sides by one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// The mean of A over the users.
    pub a: f64,
    /// The mean of B.
    pub b: f64,
    /// A less B.
    pub difference: f64,
    /// Where the 95 % interval of the difference begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// The probability of a difference at least as large among models that are alike.
    pub p: f64,
}

/// Compares every pair.
///
/// # Errors
/// When ranks cannot be read or do not hold what is asked for, or no user is in both sides.
pub fn compare(request: &Request) -> Result<Answer> {
    for (name, value) in [("resamples", request.resamples), ("permutations", request.permutations)] {
        if value == 0 {
            return Err(Failure::new(FailureKind::Conflict, format!("{name} is 0, expected at least 1")));
        }
    }
    let pairs = request.pairs.iter().map(|pair| compare_pair(pair, request)).collect::<Result<_>>()?;
    Ok(Answer { pairs })
}

fn compare_pair(pair: &Pair, request: &Request) -> Result<Compared> {
    let conflict = |message| Failure::new(FailureKind::Conflict, message);
    let (a, b) = (Side::read(&pair.a)?, Side::read(&pair.b)?);
    let pairing = Pairing::of(&a, &b);
    if pairing.users.is_empty() {
        let message = format!("no user is in both sides: A has {}, B has {}", pairing.only_a, pairing.only_b);
        return Err(conflict(message).hint("compare models that were measured on the same users"));
    }
    let mut metrics = Map::new();
    for measure in pair.metrics.iter().filter_map(|name| name.parse::<Measure>().ok()) {
        let comparison = compare_by(measure, &pairing, request);
        let value = serde_json::to_value(comparison).map_err(|error| Failure::other("write the answer", error))?;
        metrics.insert(measure.to_string(), value);
    }
    let Pairing { users, only_a, only_b, unlike } = pairing;
    Ok(Compared { users: users.len(), only_a, only_b, unlike, metrics })
}

fn compare_by(measure: Measure, pairing: &Pairing, request: &Request) -> Comparison {
    let values: Vec<(f64, f64)> = pairing.users.iter().map(|user| user.values(measure)).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| values.iter().fold(0.0, |sum, pair| sum + of(pair)) / values.len() as f64;
    let (a, b) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let differences = Differences::of(values.iter().map(|(a, b)| a - b));
    let (counts, distinct) = differences.groups();
    let groups = Groups { counts: &counts, values: &[distinct] };
    let mut rng = ChaCha8Rng::seed_from_u64(request.seed);
    let [low, high] = groups.intervals(request.resamples, &mut rng)[0];
    let p = differences.p(request.permutations, &mut rng);
    Comparison { a, b, difference: a - b, low, high, p }
}

#[cfg(test)]
mod tests;
