//! The codes of all items by trained codebooks, and how well they represent them.

use crate::assignment::{Nearest, subtract};
use crate::rows::Rows;
use frames::Codes;
use serde::Serialize;
use std::collections::BTreeMap;

/// How well codes represent items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Items that have all codes in common with another item.
    pub colliding_items: usize,
    /// Their share of all items.
    pub collision_rate: f64,
    /// Distinct codes in use, by level.
    pub codes_used: Vec<usize>,
    /// Tokens that a language model has to learn: one for each of these codes.
    pub new_tokens: usize,
    /// Mean squared length of the embeddings themselves.
    pub mean_squared_embedding: f64,
    /// Mean squared length of what is left after each level.
    pub mean_squared_residual: Vec<f64>,
}

impl Figures {
    /// Of the items' codes, where `residuals` are the mean squared lengths of what each level leaves.
    pub(crate) fn of(codes: &Codes, items: &Rows, residuals: Vec<f64>) -> Self {
        let colliding_items = colliding(codes);
        let codes_used: Vec<usize> = codes.levels.iter().map(|level| distinct(level)).collect();
        Self {
            colliding_items,
            collision_rate: colliding_items as f64 / items.len() as f64,
            new_tokens: codes_used.iter().sum(),
            codes_used,
            mean_squared_embedding: items.mean_squared_length(),
            mean_squared_residual: residuals,
        }
    }
}

/// Eq. 1 and 2 for all items: the nearest code of each level, of what the levels before leave.
pub(crate) fn tokenize(items: &Rows, levels: &[Rows]) -> (Codes, Figures) {
    let mut residual = items.clone();
    let (mut codes, mut lengths) = (Vec::new(), Vec::new());
    for level in levels {
        let assigned = Nearest::new(level).of(&residual);
        subtract(&mut residual, level, &assigned);
        codes.push(assigned.into_iter().map(|one| one.0).collect());
        lengths.push(residual.mean_squared_length());
    }
    let codes = Codes { levels: codes };
    let figures = Figures::of(&codes, items, lengths);
    (codes, figures)
}

fn colliding(codes: &Codes) -> usize {
    let mut owners: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    (0..codes.items()).for_each(|item| *owners.entry(codes.of(item)).or_default() += 1);
    owners.into_values().filter(|&items| items > 1).sum()
}

fn distinct(level: &[u32]) -> usize {
    let mut sorted = level.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_count_every_item_of_a_shared_code() {
        let codes = Codes { levels: vec![vec![0, 0, 1, 0, 2], vec![1, 1, 1, 0, 2]] };
        assert_eq!(colliding(&codes), 2);
        assert_eq!(distinct(&codes.levels[0]), 3);
    }

    #[test]
    fn each_level_works_on_what_is_left() {
        let items = Rows { dim: 1, values: vec![1.25, 4.75] };
        let levels = [Rows { dim: 1, values: vec![1.0, 5.0] }, Rows { dim: 1, values: vec![-0.25, 0.25] }];
        let (codes, figures) = tokenize(&items, &levels);
        assert_eq!(codes.levels, [[0, 1], [1, 0]]);
        assert_eq!(figures.mean_squared_residual, [0.0625, 0.0]);
        assert_eq!((figures.colliding_items, figures.new_tokens), (0, 4));
    }
}
