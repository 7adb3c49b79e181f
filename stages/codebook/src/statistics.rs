//! How well codes represent items: collisions, the use of codes, and what each level leaves.

use crate::rows::Rows;
use frames::Codes;
use serde::Serialize;
use std::collections::BTreeMap;

/// How well codes represent items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Statistics {
    /// Items that have all codes in common with another item.
    pub colliding_items: usize,
    /// Their ratio to all items.
    pub collision_rate: f64,
    /// Distinct codes in use, by level.
    pub codes_used: Vec<usize>,
    /// Tokens that a language model has to learn: one for each of these codes.
    pub new_tokens: usize,
    /// By level, e to the entropy of the use of its codes: as many codes in equal use would be as even.
    pub perplexity: Vec<f64>,
    /// By level, the ratio of items that have its most frequent code.
    pub largest_ratio: Vec<f64>,
    /// Mean squared length of the embeddings themselves.
    pub mean_squared_embedding: f64,
    /// Mean squared distance of the embeddings from their mean.
    pub variance: f64,
    /// Mean squared length of what is left after each level.
    pub mean_squared_residual: Vec<f64>,
    /// The same divided by the variance: what one code for all items would leave is 1.
    pub residual_ratio: Vec<f64>,
}

impl Statistics {
    /// Of the items' codes, where `residuals` are the mean squared lengths of what each level leaves.
    pub(crate) fn of(codes: &Codes, items: &Rows, residuals: Vec<f64>) -> Self {
        let colliding_items = colliding(codes);
        let uses: Vec<Vec<usize>> = codes.levels.iter().map(|level| uses(level)).collect();
        let codes_used: Vec<usize> = uses.iter().map(Vec::len).collect();
        let ratio = |count: usize| count as f64 / items.len() as f64;
        let variance = items.variance();
        let of_variance = |residual: &f64| if variance > 0.0 { residual / variance } else { 0.0 };
        Self {
            colliding_items,
            collision_rate: ratio(colliding_items),
            new_tokens: codes_used.iter().sum(),
            codes_used,
            perplexity: uses.iter().map(|uses| perplexity(uses)).collect(),
            largest_ratio: uses.iter().map(|uses| uses.first().map_or(0.0, |&count| ratio(count))).collect(),
            mean_squared_embedding: items.mean_squared_length(),
            variance,
            residual_ratio: residuals.iter().map(of_variance).collect(),
            mean_squared_residual: residuals,
        }
    }
}

/// How many items have each of a level's codes that are in use, the most frequent first.
pub(crate) fn uses(level: &[u32]) -> Vec<usize> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    level.iter().for_each(|&code| *counts.entry(code).or_default() += 1);
    let mut uses: Vec<usize> = counts.into_values().collect();
    uses.sort_unstable_by(|a, b| b.cmp(a));
    uses
}

fn perplexity(uses: &[usize]) -> f64 {
    let total = uses.iter().sum::<usize>() as f64;
    let entropy: f64 = uses.iter().map(|&count| count as f64 / total).map(|ratio| -ratio * ratio.ln()).sum();
    entropy.exp()
}

fn colliding(codes: &Codes) -> usize {
    let mut owners: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    (0..codes.items()).for_each(|item| *owners.entry(codes.of(item)).or_default() += 1);
    owners.into_values().filter(|&items| items > 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_count_every_item_of_a_shared_code() {
        let codes = Codes { levels: vec![vec![0, 0, 1, 0, 2], vec![1, 1, 1, 0, 2]] };
        assert_eq!(colliding(&codes), 2);
    }

    #[test]
    fn the_use_of_codes_is_counted_and_its_evenness_told() {
        let codes = Codes { levels: vec![vec![7, 7, 7, 2], vec![0, 1, 2, 3]] };
        let items = Rows { dim: 1, values: vec![1.0, 3.0, 5.0, 7.0] };
        let statistics = Statistics::of(&codes, &items, vec![2.5, 0.5]);
        assert_eq!(statistics.codes_used, [2, 4]);
        assert_eq!(statistics.largest_ratio, [0.75, 0.25]);
        let uneven = 4.0 / 27.0_f64.powf(0.25);
        assert!((statistics.perplexity[0] - uneven).abs() < 1e-12 && (statistics.perplexity[1] - 4.0).abs() < 1e-12);
        assert_eq!((statistics.variance, statistics.mean_squared_embedding), (5.0, 21.0));
        assert_eq!(statistics.residual_ratio, [0.5, 0.1]);
    }

    #[test]
    fn equal_items_have_nothing_to_represent() {
        let items = Rows { dim: 1, values: vec![3.0; 3] };
        let statistics = Statistics::of(&Codes { levels: vec![vec![1; 3]] }, &items, vec![0.0]);
        assert_eq!((statistics.colliding_items, statistics.residual_ratio), (3, vec![0.0]));
        assert_eq!(statistics.perplexity, [1.0]);
    }
}
