//! Items that codes and projection are not trained on: those held out, with how well their text alone tells their codes, and new ones.

use frames::Codes;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use std::collections::BTreeMap;

/// Which items are trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    /// Items that are trained on, in order.
    pub trained: Vec<usize>,
    /// Those that are held out, in order.
    pub held_out: Vec<usize>,
    /// Those that are new, in order: they have no embedding from behaviour.
    pub new: Vec<usize>,
}

impl Split {
    /// Holds out that ratio of the items that are not new, rounded down, drawn by the seed.
    pub(crate) fn draw(is_new: &[bool], ratio: f64, seed: u64) -> Self {
        // A stream of its own, so that training draws the same numbers whatever is held out.
        const STREAM: u64 = 1;
        let (new, mut order): (Vec<usize>, Vec<usize>) = (0..is_new.len()).partition(|&item| is_new[item]);
        let count = (order.len() as f64 * ratio) as usize;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        order.shuffle(&mut rng);
        let (mut held_out, mut trained) = (order[..count].to_vec(), order[count..].to_vec());
        held_out.sort_unstable();
        trained.sort_unstable();
        Self { trained, held_out, new }
    }
}

/// How well text alone tells the codes of held-out items, beside what needs no text. The true codes of an item are
/// those of its embedding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Recovery {
    /// Number of held-out items.
    pub items: usize,
    /// Ratio of them whose first n codes from text are the true ones, for n = 1 to N.
    pub recovered: Vec<f64>,
    /// Ratio of them that have the most frequent first n codes of the trained items.
    pub majority: Vec<f64>,
    /// One over the number of distinct first n codes of the trained items.
    pub chance: Vec<f64>,
}

impl Recovery {
    /// Compares the codes of all items, and those of the held-out items from text, in the split's order.
    pub(crate) fn of(codes: &Codes, from_text: &Codes, split: &Split) -> Self {
        let mut found = Self { items: split.held_out.len(), recovered: vec![], majority: vec![], chance: vec![] };
        let prefix = |item: usize, levels: usize| codes.of(item)[..levels].to_vec();
        let ratio = |count: usize| count as f64 / split.held_out.len() as f64;
        for levels in 1..=codes.levels.len() {
            let mut uses: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
            split.trained.iter().for_each(|&item| *uses.entry(prefix(item, levels)).or_default() += 1);
            // The lowest among equally frequent ones.
            let majority = uses.iter().rev().max_by_key(|(_, count)| **count).map(|(codes, _)| codes);
            let told = |(row, item): &(usize, &usize)| from_text.of(*row)[..levels] == prefix(**item, levels);
            found.recovered.push(ratio(split.held_out.iter().enumerate().filter(told).count()));
            let common = |item: &&usize| majority == Some(&prefix(**item, levels));
            found.majority.push(ratio(split.held_out.iter().filter(common).count()));
            found.chance.push(1.0 / uses.len() as f64);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_parts_the_items_by_the_seed() {
        let old = |items: usize| vec![false; items];
        let split = Split::draw(&old(101), 0.05, 3);
        assert_eq!((split.held_out.len(), split.trained.len()), (5, 96));
        let mut all = [&split.held_out[..], &split.trained[..]].concat();
        all.sort_unstable();
        assert_eq!(all, (0..101).collect::<Vec<_>>());
        assert_eq!(Split::draw(&old(101), 0.05, 3), split);
        assert_ne!(Split::draw(&old(101), 0.05, 4), split);
        assert_eq!(Split::draw(&old(7), 0.0, 3).trained, (0..7).collect::<Vec<_>>());
        let with_new = Split::draw(&[true, false, false, true], 0.5, 3);
        assert_eq!((with_new.new, with_new.held_out.len() + with_new.trained.len()), (vec![0, 3], 2));
    }

    #[test]
    fn recovery_counts_equal_beginnings() {
        let codes = Codes { levels: vec![vec![0, 0, 1, 0, 1, 2], vec![0, 1, 0, 1, 0, 0]] };
        let split = Split { trained: vec![0, 1, 3, 4], held_out: vec![2, 5], new: vec![] };
        let from_text = Codes { levels: vec![vec![1, 2], vec![1, 0]] };
        let found = Recovery::of(&codes, &from_text, &split);
        assert_eq!(found.recovered, [1.0, 0.5]);
        assert_eq!(found.majority, [0.0, 0.0]);
        assert_eq!(found.chance, [1.0 / 2.0, 1.0 / 3.0]);
    }
}
