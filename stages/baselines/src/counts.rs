//! How often an item follows another in training sequences.

use recommender::UserItems;

/// Rows of a square matrix without its zeros: by row, the columns in order with their values.
pub(crate) type SparseRows<T> = Vec<Vec<(u32, T)>>;

/// How near an item stands after and before another, over all sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Near {
    /// The sum of 1 / distance where it comes after.
    pub(crate) after: f64,
    /// The sum of 1 / distance where it comes before.
    pub(crate) before: f64,
}

/// Over all pairs of different items at most `window` steps apart, 1 / distance by order. `[items, items]`.
pub(crate) fn near_counts(sequences: &[Vec<u32>], items: usize, window: usize) -> SparseRows<Near> {
    let mut pairs: Vec<(u32, u32, Near)> = Vec::new();
    for sequence in sequences {
        for (place, &left) in sequence.iter().enumerate() {
            for (distance, &right) in (1_u32..).zip(sequence[place + 1..].iter().take(window)) {
                if left != right {
                    let weight = 1.0 / f64::from(distance);
                    pairs.push((left, right, Near { after: weight, before: 0.0 }));
                    pairs.push((right, left, Near { after: 0.0, before: weight }));
                }
            }
        }
    }
    // A stable sort, so that weights are summed in the order of the sequences.
    pairs.sort_by_key(|&(left, right, _)| (left, right));
    let mut rows = vec![Vec::new(); items];
    for equal in pairs.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let sum = |sum: Near, pair: &(u32, u32, Near)| Near {
            after: sum.after + pair.2.after,
            before: sum.before + pair.2.before,
        };
        rows[equal[0].0 as usize].push((equal[0].1, equal.iter().fold(Near::default(), sum)));
    }
    rows
}

/// `[items]` how often each item occurs.
pub(crate) fn occurrences(sequences: &[Vec<u32>], items: usize) -> Vec<f32> {
    let mut counts = vec![0.0; items];
    for &item in sequences.iter().flatten() {
        counts[item as usize] += 1.0;
    }
    counts
}

/// Scores of all items, of which most are 0: adds to some, ranks these, and forgets them again.
#[derive(Debug)]
pub(crate) struct SparseScores {
    scores: Vec<f32>,
    touched: Vec<u32>,
}

impl SparseScores {
    pub(crate) fn new(items: usize) -> Self {
        Self { scores: vec![0.0; items], touched: Vec::new() }
    }

    /// Adds a positive number to an item's score.
    pub(crate) fn add(&mut self, item: u32, score: f32) {
        let sum = &mut self.scores[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += score;
    }

    /// The best `k` of the items with a score that the user has not seen; all scores are 0 afterwards.
    pub(crate) fn take_best(&mut self, k: usize, seen: &UserItems) -> Vec<(u32, f32)> {
        let unseen = self.touched.iter().filter(|item| !seen.contains(**item));
        let mut best: Vec<(u32, f32)> = unseen.map(|&item| (item, self.scores[item as usize])).collect();
        for item in self.touched.drain(..) {
            self.scores[item as usize] = 0.0;
        }
        if best.len() > k {
            best.select_nth_unstable_by(k - 1, recommender::best_first);
            best.truncate(k);
        }
        best.sort_unstable_by(recommender::best_first);
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_distance_are_counted() {
        let rows = near_counts(&[vec![0, 1, 2], vec![2, 1, 2]], 4, 5);
        let near = |after, before| Near { after, before };
        assert_eq!(rows[0], [(1, near(1.0, 0.0)), (2, near(0.5, 0.0))]);
        assert_eq!(rows[1], [(0, near(0.0, 1.0)), (2, near(2.0, 1.0))]);
        assert_eq!(rows[2], [(0, near(0.0, 0.5)), (1, near(1.0, 2.0))]);
        assert!(rows[3].is_empty());
        assert_eq!(near_counts(&[vec![0, 1, 2]], 3, 1)[0], [(1, near(1.0, 0.0))]);
    }

    #[test]
    fn sparse_scores_rank_unseen_items_and_start_again() {
        let mut scores = SparseScores::new(5);
        let seen = UserItems::new(&[1], 5);
        for (item, score) in [(4, 1.0), (1, 9.0), (2, 0.5), (2, 1.0)] {
            scores.add(item, score);
        }
        assert_eq!(scores.take_best(1, &seen), [(2, 1.5)]);
        scores.add(4, 1.0);
        assert_eq!(scores.take_best(3, &seen), [(4, 1.0)]);
    }
}
