//! P5 (Geng et al. 2022) with the item indices of Hua et al. (2023): items are numbers, or paths of clusters.

use crate::base;
use crate::cluster::collaborative_codes;
use crate::language::{Language, Prompt, digit_count, digits};
use crate::parameters::{conflict, parameters};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Codes, Interactions, Split, kinds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How items are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemIndex {
    /// Numbers in the order in which training items first appear, user by user, written in digits of `base` values: items
    /// that one user has taken in a row share first digits.
    Sequential,
    /// Paths in a tree of clusters of items that the same users have: spectral clustering of the co-occurrences, into `base`
    /// clusters each time, until a cluster has at most `base` items.
    Collaborative,
}

parameters! {
    /// The parameters of `p5`.
    P5Parameters {
        /// How items are named.
        index: ItemIndex = ItemIndex::Collaborative,
        /// Values of a digit, or clusters that a cluster is split into.
        #[schemars(range(min = 2))]
        base: usize = 100,
    }
}

/// The stage `p5`.
#[derive(Debug)]
pub struct P5;

impl Stage for P5 {
    const NAME: &'static str = "p5";
    const ABOUT: &'static str = "Trains a T5 from scratch that answers a prompt with the index of the next item (P5).";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = P5Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![InputPort::required(
            "interactions",
            kinds::INTERACTIONS,
            "Who interacted with what; training rows are learned.",
        )]
    }

    fn outputs() -> Vec<OutputPort> {
        base::outputs()
    }

    fn run(parameters: P5Parameters, context: &Context) -> Result<()> {
        let shared = parameters.shared();
        shared.check()?;
        if parameters.base < 2 {
            return conflict(format!("base is {}, expected at least 2", parameters.base));
        }
        let device = nn::start(context)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let items = interactions.dataset.items;
        if items == 0 {
            return conflict("interactions has 0 items, expected at least 1".to_owned());
        }
        // The index is made without each user's last training item, so that none tells what is held out.
        let sequences = indexed(&interactions);
        let codes = match parameters.index {
            ItemIndex::Sequential => sequential_codes(&sequences, items, parameters.base),
            ItemIndex::Collaborative => collaborative_codes(&sequences, items, parameters.base, context.seed()),
        };
        let prompt = Prompt::Question { users: interactions.dataset.users };
        let language = Language::new(&codes, prompt, shared.max_length);
        nn::thread_pool(context)?.install(|| base::run(&language, &shared, &interactions, device, context))
    }
}

/// The sequences that indices are made from: no items by which settings are chosen are among them.
fn indexed(interactions: &Interactions) -> Vec<Vec<u32>> {
    match recommender::ChoiceSplit::of(interactions) {
        Some(split) => split.histories(),
        None => interactions.sequences(&[Split::Train]),
    }
}

/// The numbers of items in the order of their first appearance; items of no sequence come last, in the order of their
/// own numbers hashed.
fn sequential_codes(sequences: &[Vec<u32>], items: usize, base: usize) -> Codes {
    let mut order: Vec<u32> = Vec::with_capacity(items);
    let mut known = vec![false; items];
    for &item in sequences.iter().flatten() {
        if !std::mem::replace(&mut known[item as usize], true) {
            order.push(item);
        }
    }
    let mut rest: Vec<u32> = (0..items as u32).filter(|&item| !known[item as usize]).collect();
    rest.sort_by_key(|&item| recommender::tie_order(item));
    order.extend(rest);
    let count = digit_count(items, base);
    let mut levels = vec![vec![0; items]; count];
    for (number, &item) in order.iter().enumerate() {
        for (level, digit) in levels.iter_mut().zip(digits(number, base, count)) {
            level[item as usize] = digit;
        }
    }
    Codes { levels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_numbered_as_they_first_appear() {
        let codes = sequential_codes(&[vec![4, 2], vec![2, 0]], 5, 2);
        assert_eq!([4, 2, 0].map(|item| codes.of(item)), [[0, 0, 0], [0, 0, 1], [0, 1, 0]]);
        let mut rest = [codes.of(1), codes.of(3)];
        rest.sort();
        assert_eq!(rest, [[0, 1, 1], [1, 0, 0]]);
    }
}
