//! Training triples: a user, an item of theirs, and an item that is not.

use crate::parameters::Sampling;
use rand::Rng;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use recommender::UserItems;

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

/// Draws users with a positive of theirs, and a negative uniformly among all other items.
#[derive(Debug)]
pub(crate) struct Sampler {
    users: Vec<UserItems>,
    /// The users that have a positive and for whom there is a negative.
    eligible: Vec<u32>,
    sampling: Sampling,
}

impl Sampler {
    /// A sampler over the users that have at least one training item, and at least one item that is not.
    pub(crate) fn new(positives: &[Vec<u32>], items: usize, sampling: Sampling) -> Self {
        let users: Vec<UserItems> = positives.iter().map(|list| UserItems::new(list, items)).collect();
        let is_eligible = |user: &UserItems| !user.positives().is_empty() && user.negatives() > 0;
        let eligible = (0..).zip(&users).filter(|(_, user)| is_eligible(user)).map(|(number, _)| number).collect();
        Self { users, eligible, sampling }
    }

    /// Whether there is anybody to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.eligible.is_empty()
    }

    /// Number of distinct training pairs.
    pub(crate) fn pairs(&self) -> usize {
        self.users.iter().map(|user| user.positives().len()).sum()
    }

    /// Number of batches of `size` triples in an epoch.
    pub(crate) fn batches(&self, size: usize) -> usize {
        match self.sampling {
            Sampling::Users => self.pairs().div_ceil(size),
            Sampling::Pairs => self.usable().count().div_ceil(size),
        }
    }

    /// The batches of one epoch, drawn one by one. The sampler must not be empty.
    pub(crate) fn epoch<'a>(&'a self, size: usize, rng: &'a mut ChaCha8Rng) -> impl Iterator<Item = Batch> + 'a {
        let mut pairs: Vec<(u32, u32)> = match self.sampling {
            Sampling::Users => Vec::new(),
            Sampling::Pairs => self.usable().collect(),
        };
        pairs.shuffle(rng);
        (0..self.batches(size)).map(move |batch| match self.sampling {
            Sampling::Users => self.of_users(size, rng),
            Sampling::Pairs => {
                let rest = &pairs[batch * size..];
                self.of_pairs(&rest[..size.min(rest.len())], rng)
            }
        })
    }

    /// The training pairs of users that a negative can be drawn for.
    fn usable(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let positives = |user: u32| self.users[user as usize].positives().iter().map(move |&item| (user, item));
        self.eligible.iter().flat_map(move |&user| positives(user))
    }

    fn of_users(&self, size: usize, rng: &mut ChaCha8Rng) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..size {
            let user = self.eligible[rng.random_range(0..self.eligible.len() as u32) as usize];
            let own = self.users[user as usize].positives();
            let positive = own[rng.random_range(0..own.len() as u32) as usize];
            self.add(&mut batch, user, positive, rng);
        }
        batch
    }

    fn of_pairs(&self, pairs: &[(u32, u32)], rng: &mut ChaCha8Rng) -> Batch {
        let mut batch = Batch::default();
        pairs.iter().for_each(|&(user, positive)| self.add(&mut batch, user, positive, rng));
        batch
    }

    /// Adds the triple of a pair and a negative.
    fn add(&self, batch: &mut Batch, user: u32, positive: u32, rng: &mut ChaCha8Rng) {
        // Only users with a negative are eligible.
        let Some(negative) = self.users[user as usize].draw(rng) else { return };
        batch.users.push(user);
        batch.positives.push(positive);
        batch.negatives.push(negative);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn draws_only_own_positives_and_foreign_negatives() {
        let positives = vec![vec![0, 2], vec![], vec![0, 1, 2], vec![1]];
        let sampler = Sampler::new(&positives, 3, Sampling::Users);
        let batch = sampler.epoch(200, &mut ChaCha8Rng::seed_from_u64(1)).next().unwrap();
        for ((&user, positive), negative) in batch.users.iter().zip(&batch.positives).zip(&batch.negatives) {
            assert!(user == 0 || user == 3, "user {user} has nothing to learn from");
            assert!(positives[user as usize].contains(positive) && !positives[user as usize].contains(negative));
        }
        assert!(batch.users.contains(&0) && batch.users.contains(&3));
        assert_eq!(sampler.pairs(), 6);
    }

    #[test]
    fn an_epoch_of_pairs_has_each_of_them_once() {
        let sampler = Sampler::new(&[vec![0, 2], vec![], vec![0, 1, 2], vec![1]], 3, Sampling::Pairs);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let batches: Vec<Batch> = sampler.epoch(2, &mut rng).collect();
        assert_eq!((batches.len(), sampler.batches(2)), (2, 2));
        let mut pairs: Vec<(u32, u32)> =
            batches.iter().flat_map(|batch| batch.users.iter().copied().zip(batch.positives.iter().copied())).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 0), (0, 2), (3, 1)]);
        assert!(
            batches
                .iter()
                .flat_map(|batch| batch.users.iter().zip(&batch.negatives))
                .all(|(&user, &negative)| { if user == 0 { negative == 1 } else { negative != 1 } })
        );
    }
}
