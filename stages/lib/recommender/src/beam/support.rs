//! What an item-level model adds to the prefixes of a beam search.
//!
//! Let s_j be the scores of a user's list of another model, N the number of items and ε the floor. Item j has the probability
//!
//! `q_j = (1 − ε) exp(s_j) / Σ_i exp(s_i) + ε / N`, of which items outside the list have the second term alone,
//!
//! and a prefix has the sum of those of all items whose code begins with it. `weight · ln q(prefix)` is added to the prefix's
//! log-probability before beams are chosen. A whole code ends with `ln p + weight · ln q`, whatever way led to it.

use super::trie::Trie;
use std::collections::HashMap;

/// Makes the support of users from their lists.
#[derive(Debug)]
pub struct Supporters {
    /// By item, the nodes of its code.
    paths: Vec<Vec<usize>>,
    weight: f64,
    floor: f64,
}

/// The support of one user's prefixes.
#[derive(Debug)]
pub struct Support {
    /// What the listed items add to the nodes above them, without the floor.
    listed: HashMap<usize, f64>,
    /// The floor of one item.
    floor: f64,
    weight: f64,
}

impl Supporters {
    /// Of the items of a trie, with that weight and the part `floor` of the probability for all items alike.
    #[must_use]
    pub fn new(trie: &Trie, weight: f64, floor: f64) -> Self {
        Self { paths: trie.paths(), weight, floor }
    }

    /// The support by a list of items of the trie and their scores; an empty list supports nothing.
    #[must_use]
    pub fn of(&self, list: &[(u32, f32)]) -> Support {
        if list.is_empty() || self.weight == 0.0 {
            return Support::none();
        }
        let highest = list.iter().map(|&(_, score)| f64::from(score)).fold(f64::MIN, f64::max);
        let powers: Vec<f64> = list.iter().map(|&(_, score)| (f64::from(score) - highest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let mut listed = HashMap::new();
        for (&(item, _), power) in list.iter().zip(powers) {
            for &node in &self.paths[item as usize] {
                *listed.entry(node).or_insert(0.0) += (1.0 - self.floor) * power / sum;
            }
        }
        Support { listed, floor: self.floor / self.paths.len() as f64, weight: self.weight }
    }
}

impl Support {
    /// Nothing is supported more than anything else.
    #[must_use]
    pub fn none() -> Self {
        Self { listed: HashMap::new(), floor: 0.0, weight: 0.0 }
    }

    /// What is added to the log-probability of a node's prefix.
    pub(crate) fn of(&self, trie: &Trie, node: usize) -> f32 {
        if self.weight == 0.0 {
            return 0.0;
        }
        let floor = self.floor * trie.node(node).count as f64;
        (self.weight * (self.listed.get(&node).copied().unwrap_or(0.0) + floor).ln()) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beam::{Constraint, Fed, LogProbabilities, NextCode, supported_beam_search};
    use contract::Result;
    use frames::Codes;

    /// A model whose next code depends on nothing but the level.
    struct Fixed(Vec<Vec<f32>>, usize);

    impl Fixed {
        fn next(&mut self, users: usize, slots: usize) -> LogProbabilities {
            let values = self.0[self.1].repeat(users * slots);
            self.1 += 1;
            LogProbabilities { values, slots, columns: self.0[self.1 - 1].len() }
        }
    }

    impl NextCode for Fixed {
        fn feed(&mut self, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities> {
            Ok(self.next(beams.len(), beams.iter().map(Vec::len).max().unwrap_or(0)))
        }
    }

    fn codes() -> Codes {
        let first = vec![0, 0, 0, 1, 1, 2, 2, 2, 0];
        let second = vec![0, 1, 1, 0, 2, 1, 2, 2, 0];
        let third = vec![0, 0, 1, 0, 0, 1, 0, 2, 0];
        Codes { levels: vec![first, second, third] }
    }

    /// q of every item, from the formula.
    fn probabilities(list: &[(u32, f32)], floor: f64) -> Vec<f64> {
        let sum: f64 = list.iter().map(|item| f64::from(item.1).exp()).sum();
        let mut q = vec![floor / 9.0; 9];
        for &(item, score) in list {
            q[item as usize] += (1.0 - floor) * f64::from(score).exp() / sum;
        }
        q
    }

    #[test]
    fn beams_and_scores_are_those_of_sums_over_all_items() {
        let (codes, list, weight, floor) = (codes(), [(7, 1.5), (1, 0.5), (3, -1.0)], 0.7, 0.1);
        let trie = Trie::of(&codes);
        let log = vec![vec![-0.4_f32, -1.9, -1.7], vec![-0.9, -1.2, -1.4], vec![-0.8, -1.1, -1.5]];
        let q = probabilities(&list, floor);
        // By prefix of that length: the score of all prefixes that begin with one in `alive`, from a pass over all items.
        let scored = |length: usize, alive: &[Vec<u32>]| {
            let mut found: Vec<(Vec<u32>, f64)> = Vec::new();
            let mut prefixes: Vec<Vec<u32>> = (0..9).map(|item| codes.of(item)[..length].to_vec()).collect();
            prefixes.sort();
            prefixes.dedup();
            for prefix in prefixes.into_iter().filter(|prefix| alive.contains(&prefix[..length - 1].to_vec())) {
                let model: f32 = prefix.iter().zip(&log).map(|(&code, level)| level[code as usize]).sum();
                let sum: f64 = (0..9).filter(|&item| codes.of(item).starts_with(&prefix)).map(|item| q[item]).sum();
                found.push((prefix, f64::from(model) + weight * sum.ln()));
            }
            found.sort_by(|a, b| b.1.total_cmp(&a.1));
            found
        };
        for width in [1, 2, 100] {
            let mut alive = vec![Vec::new()];
            for length in 1..=2 {
                alive = scored(length, &alive).into_iter().take(width).map(|found| found.0).collect();
            }
            let mut expected = scored(3, &alive);
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            let supporters = Supporters::new(&trie, weight, floor);
            let mut model = Fixed(log.clone(), 0);
            let first = model.next(2, 1);
            let supports = [supporters.of(&list), supporters.of(&[])];
            let found = supported_beam_search(&mut model, first, &supports, &trie, Constraint::Trie, width).unwrap();
            let paths = trie.paths();
            let mut leaves: Vec<(Vec<u32>, f64)> = found[0]
                .iter()
                .map(|leaf| (codes.of(trie.node(leaf.node.unwrap()).items[0] as usize), f64::from(leaf.score)))
                .collect();
            leaves.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(leaves.len(), expected.len(), "beam {width}");
            for ((code, score), (expected_code, expected)) in leaves.iter().zip(&expected) {
                assert!(code == expected_code && (score - expected).abs() < 1e-5, "{code:?} {score} {expected}");
            }
            // Without a list the search is the plain one.
            let mut plain = Fixed(log.clone(), 0);
            let first = plain.next(1, 1);
            let unsupported = crate::beam::beam_search(&mut plain, first, 1, &trie, Constraint::Trie, width).unwrap();
            assert_eq!(found[1], unsupported[0]);
            assert!(paths.iter().all(|path| path.len() == 3));
        }
    }
}
