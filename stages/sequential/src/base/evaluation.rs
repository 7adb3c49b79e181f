//! Scores of all items for users, and the measure of held-out items.

use super::Model;
use super::network::Network;
use contract::Result;
use frames::{Interactions, Rankings};
use recommender::{ChoiceSplit, InTurn, Quality, Validation, rank, tested_users};
use std::cell::RefCell;

/// Users that are scored at once.
const BLOCK: usize = 256;

/// The k of the measures by which epochs are chosen.
pub(crate) const CUTOFF: usize = 10;

/// Measures a network on held-out items.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    pub(crate) validation: &'a Validation,
    /// `[users]` what came before them.
    pub(crate) histories: &'a [Vec<u32>],
    /// `[items]` the scores for a user without history.
    pub(crate) unknown: &'a [f32],
}

impl Evaluator<'_> {
    /// NDCG@10 and HR@10.
    pub(crate) fn measure<M: Model>(&self, network: &mut Network<M>) -> Result<Quality> {
        let items = network.items;
        let network = RefCell::new(network);
        let score = |users: &[u32], scores: &mut [f32]| {
            network.borrow_mut().scores(&of_users(self.histories, users), self.unknown, scores)
        };
        self.validation.measure(&InTurn { items, block: BLOCK, score })
    }
}

/// The ranked lists of all users with a test item.
pub(crate) fn rankings<M: Model>(
    network: &mut Network<M>,
    interactions: &Interactions,
    unknown: &[f32],
    top_k: usize,
) -> Result<Rankings> {
    let (users, histories) = (tested_users(interactions)?, interactions.before_test());
    let items = network.items;
    let network = RefCell::new(network);
    let score =
        |users: &[u32], scores: &mut [f32]| network.borrow_mut().scores(&of_users(&histories, users), unknown, scores);
    rank(&InTurn { items, block: BLOCK, score }, &users, &histories, top_k)
}

/// The ranked lists of all users with a held-out item, by a network that has not learned it.
pub(crate) fn validation_rankings<M: Model>(
    network: &mut Network<M>,
    split: &ChoiceSplit,
    unknown: &[f32],
    top_k: usize,
) -> Result<Rankings> {
    let (items, histories) = (network.items, split.histories());
    let network = RefCell::new(network);
    let score =
        |users: &[u32], scores: &mut [f32]| network.borrow_mut().scores(&of_users(&histories, users), unknown, scores);
    split.rank(&InTurn { items, block: BLOCK, score }, top_k)
}

fn of_users<'a>(histories: &'a [Vec<u32>], users: &[u32]) -> Vec<&'a [u32]> {
    users.iter().map(|&user| histories[user as usize].as_slice()).collect()
}

/// `[items]` how often each item occurs in training sequences.
pub(crate) fn occurrences(sequences: &[Vec<u32>], items: usize) -> Vec<u32> {
    let mut counts = vec![0; items];
    for &item in sequences.iter().flatten() {
        counts[item as usize] += 1;
    }
    counts
}
