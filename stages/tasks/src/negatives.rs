//! Items that a user did not choose in the training part.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Draws items outside one user's training sequence, each equally likely.
#[derive(Debug)]
pub(crate) struct Negatives {
    random: ChaCha8Rng,
    /// Ascending, without repetition.
    chosen: Vec<u32>,
    candidates: usize,
}

impl Negatives {
    /// Of the user with this training sequence, among items 0 to `items`. Users have random streams of their own, so
    /// that one user's draws do not depend on another's sequence.
    pub(crate) fn of_user(sequence: &[u32], items: usize, seed: u64, user: u32) -> Self {
        let mut chosen = sequence.to_vec();
        chosen.sort_unstable();
        chosen.dedup();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(u64::from(user));
        let candidates = items - chosen.len();
        Self { random, chosen, candidates }
    }

    /// `count` different items, or all there are when they are fewer.
    pub(crate) fn draw(&mut self, count: u32) -> Vec<u32> {
        let count = self.candidates.min(count as usize);
        let ranks = rand::seq::index::sample(&mut self.random, self.candidates, count);
        ranks.into_iter().map(|rank| self.unchosen(rank as u32)).collect()
    }

    /// The item of that rank, from 0, among those outside the sequence.
    fn unchosen(&self, rank: u32) -> u32 {
        let mut item = rank;
        for &chosen in &self.chosen {
            if chosen > item {
                break;
            }
            item += 1;
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_items_outside_the_sequence_are_drawn_equally_often() {
        let mut counts = [0; 8];
        for user in 0..6_000 {
            for item in Negatives::of_user(&[6, 0, 3, 0], 8, 1, user).draw(2) {
                counts[item as usize] += 1;
            }
        }
        for (item, &count) in counts.iter().enumerate() {
            let expected = if [0, 3, 6].contains(&item) { 0..1 } else { 2_250..2_550 };
            assert!(expected.contains(&count), "item {item} was drawn {count} times");
        }
    }

    #[test]
    fn no_more_than_there_are_and_none_twice() {
        let mut drawn = Negatives::of_user(&[1, 2], 5, 9, 0).draw(10);
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 3, 4]);
        assert!(Negatives::of_user(&[0, 1], 2, 9, 0).draw(3).is_empty());
    }
}
