//! Training triples: a user, an item of theirs, and an item that is not.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Triples of a batch, column by column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Users.
    pub users: Vec<u32>,
    /// For each, an item of their training history.
    pub positives: Vec<u32>,
    /// For each, an item outside their training history.
    pub negatives: Vec<u32>,
}

/// Draws users uniformly, a positive uniformly among theirs and a negative uniformly among all other items.
#[derive(Debug)]
pub(crate) struct Sampler {
    positives: Vec<Vec<u32>>,
    eligible: Vec<u32>,
    items: u32,
}

impl Sampler {
    /// A sampler over the users that have at least one training item, and at least one item that is not.
    pub(crate) fn new(positives: &[Vec<u32>], items: usize) -> Self {
        let positives: Vec<Vec<u32>> = positives
            .iter()
            .map(|list| {
                let mut sorted = list.clone();
                sorted.sort_unstable();
                sorted.dedup();
                sorted
            })
            .collect();
        let eligible =
            (0..positives.len() as u32).filter(|&user| (1..items).contains(&positives[user as usize].len())).collect();
        Self { positives, eligible, items: items as u32 }
    }

    /// Whether there is anybody to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.eligible.is_empty()
    }

    /// Number of distinct training pairs.
    pub(crate) fn pairs(&self) -> usize {
        self.positives.iter().map(Vec::len).sum()
    }

    /// A batch of `size` triples. The sampler must not be empty.
    pub(crate) fn draw(&self, size: usize, rng: &mut ChaCha8Rng) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..size {
            let user = self.eligible[rng.random_range(0..self.eligible.len() as u32) as usize];
            let own = &self.positives[user as usize];
            let positive = own[rng.random_range(0..own.len() as u32) as usize];
            let negative = loop {
                let item = rng.random_range(0..self.items);
                if own.binary_search(&item).is_err() {
                    break item;
                }
            };
            batch.users.push(user);
            batch.positives.push(positive);
            batch.negatives.push(negative);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn draws_only_own_positives_and_foreign_negatives() {
        let positives = vec![vec![0, 2], vec![], vec![0, 1, 2], vec![1]];
        let sampler = Sampler::new(&positives, 3);
        let batch = sampler.draw(200, &mut ChaCha8Rng::seed_from_u64(1));
        for ((&user, positive), negative) in batch.users.iter().zip(&batch.positives).zip(&batch.negatives) {
            assert!(user == 0 || user == 3, "user {user} has nothing to learn from");
            assert!(positives[user as usize].contains(positive) && !positives[user as usize].contains(negative));
        }
        assert!(batch.users.contains(&0) && batch.users.contains(&3));
        assert_eq!(sampler.pairs(), 6);
    }
}
