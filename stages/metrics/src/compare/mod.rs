//! Whether two models differ by more than chance, told from the ranks of the users that both have.
//!
//! Of each user the difference d of a metric is taken, A less B; a side of several lists, such as one of several seeds,
//! gives the user the mean over its lists. The difference of the sides is the mean of d.
//!
//! * `p` comes from a two-sided paired randomisation test: were the models alike, each d could as well have the other
//!   sign. It is the ratio of random signs that bring the mean at least as far from 0, `(1 + n) / (1 + permutations)`.
//! * `low` and `high` are the 95 % interval of the mean difference, by a bootstrap over users.
//!
//! Both draw whole groups of users of equal difference at a time, exactly as if each user were drawn alone.

mod pairing;
mod significance;

use crate::bootstrap::Groups;
use crate::measure::Measure;
use contract::questions::{Compare, Compared, ComparedPair, Comparison, Pair};
use contract::{Failure, FailureKind, Result};
use pairing::{Pairing, Side};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use significance::Differences;
use std::collections::BTreeMap;

/// Compares every pair.
///
/// # Errors
/// When ranks cannot be read or do not hold what is asked for, or no user is in both sides.
pub fn compare(request: &Compare) -> Result<Compared> {
    for (name, value) in [("resamples", request.resamples), ("permutations", request.permutations)] {
        if value == 0 {
            return Err(Failure::new(FailureKind::Conflict, format!("{name} is 0, expected at least 1")));
        }
    }
    let pairs = request.pairs.iter().map(|pair| compare_pair(pair, request)).collect::<Result<_>>()?;
    Ok(Compared { pairs })
}

fn compare_pair(pair: &Pair, request: &Compare) -> Result<ComparedPair> {
    let conflict = |message| Failure::new(FailureKind::Conflict, message);
    let (a, b) = (Side::read(&pair.a)?, Side::read(&pair.b)?);
    let pairing = Pairing::of(&a, &b);
    if pairing.users.is_empty() {
        let message = format!("no user is in both sides: A has {}, B has {}", pairing.only_a, pairing.only_b);
        return Err(conflict(message).hint("compare models that were measured on the same users"));
    }
    let mut metrics = BTreeMap::new();
    for measure in pair.metrics.iter().filter_map(|name| name.parse::<Measure>().ok()) {
        metrics.insert(measure.to_string(), compare_by(measure, &pairing, request));
    }
    let Pairing { users, only_a, only_b, unlike } = pairing;
    Ok(ComparedPair { users: users.len(), only_a, only_b, unlike, metrics })
}

fn compare_by(measure: Measure, pairing: &Pairing, request: &Compare) -> Comparison {
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
