//! Negative sampling: items that a user did not choose.

use rand::Rng;
use rand::seq::index::sample;

/// The training items of one user, and uniform draws from all other items.
#[derive(Clone, Debug)]
pub struct UserItems {
    /// Ascending, without repetition.
    positives: Vec<u32>,
    items: u32,
}

impl UserItems {
    /// Of the user with that training sequence, in any order, among items 0 to `items`.
    #[must_use]
    pub fn new(sequence: &[u32], items: usize) -> Self {
        let mut positives = sequence.to_vec();
        positives.sort_unstable();
        positives.dedup();
        Self { positives, items: items as u32 }
    }

    /// The user's distinct items, ascending.
    #[must_use]
    pub fn positives(&self) -> &[u32] {
        &self.positives
    }

    /// Whether the user has the item.
    #[must_use]
    pub fn contains(&self, item: u32) -> bool {
        self.positives.binary_search(&item).is_ok()
    }

    /// How many items the user does not have.
    #[must_use]
    pub fn negatives(&self) -> usize {
        self.items as usize - self.positives.len()
    }

    /// An item that the user does not have, each equally likely; none where the user has all.
    pub fn draw(&self, random: &mut impl Rng) -> Option<u32> {
        if self.negatives() == 0 {
            return None;
        }
        // Users have few of all items, so that a second try is rare.
        loop {
            let item = random.random_range(0..self.items);
            if !self.contains(item) {
                return Some(item);
            }
        }
    }

    /// `count` different items that the user does not have, or all of them where they are fewer.
    pub fn draw_distinct(&self, count: usize, random: &mut impl Rng) -> Vec<u32> {
        let negatives = self.negatives();
        let ranks = sample(random, negatives, negatives.min(count));
        ranks.into_iter().map(|rank| self.negative(rank as u32)).collect()
    }

    /// The item of that rank, from 0, among those that the user does not have.
    fn negative(&self, rank: u32) -> u32 {
        let mut item = rank;
        for &positive in &self.positives {
            if positive > item {
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
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn all_negatives_are_drawn_equally_often() {
        let user = UserItems::new(&[6, 0, 3, 0], 8);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let draws: [fn(&UserItems, &mut ChaCha8Rng) -> Vec<u32>; 2] = [
            |user, random| user.draw_distinct(2, random),
            |user, random| [user.draw(random), user.draw(random)].into_iter().flatten().collect(),
        ];
        for draw in draws {
            let mut counts = [0; 8];
            for item in (0..6_000).flat_map(|_| draw(&user, &mut random)) {
                counts[item as usize] += 1;
            }
            for (item, &count) in counts.iter().enumerate() {
                let expected = if [0, 3, 6].contains(&item) { 0..1 } else { 2_250..2_550 };
                assert!(expected.contains(&count), "item {item} was drawn {count} times");
            }
        }
    }

    #[test]
    fn no_negative_is_drawn_twice_and_none_where_there_is_none() {
        let mut random = ChaCha8Rng::seed_from_u64(9);
        let mut drawn = UserItems::new(&[1, 2], 5).draw_distinct(10, &mut random);
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 3, 4]);
        let all = UserItems::new(&[0, 1], 2);
        assert!(all.draw_distinct(3, &mut random).is_empty() && all.draw(&mut random).is_none());
    }
}
