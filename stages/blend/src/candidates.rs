//! A user's candidates: all items of the models' lists, with what they count in each.

use crate::normalisation::{Normalisation, confidence};
use frames::NO_ITEM;
use recommender::best_first;

/// The items of all lists of one user.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(crate) user: u32,
    /// Ascending.
    items: Vec<u32>,
    /// `[candidates, models]` what an item counts in a model's list; none where it is not in it.
    values: Vec<Option<f64>>,
    /// `[models]` how sure each list is.
    confidence: Vec<f64>,
}

impl Candidates {
    pub(crate) fn of(user: u32, lists: &[&[(u32, f32)]], normalisation: Normalisation, rank_constant: f64) -> Self {
        let mut items: Vec<u32> = lists.iter().flat_map(|list| list.iter().map(|item| item.0)).collect();
        items.retain(|&item| item != NO_ITEM);
        items.sort_unstable();
        items.dedup();
        let mut values = vec![None; items.len() * lists.len()];
        for (model, list) in lists.iter().enumerate() {
            let values_of_list = list.iter().zip(normalisation.apply(list, rank_constant));
            for ((item, _), value) in values_of_list.filter(|((item, _), _)| *item != NO_ITEM) {
                let place = items.partition_point(|known| known < item);
                values[place * lists.len() + model] = Some(value);
            }
        }
        Self { user, items, values, confidence: lists.iter().map(|list| confidence(list)).collect() }
    }

    /// The best `k` items, best first.
    pub(crate) fn best(&self, weights: &[f64], power: f64, k: usize) -> Vec<(u32, f32)> {
        let mut scored: Vec<(u32, f32)> = self.scored(weights, power).collect();
        scored.sort_unstable_by(best_first);
        scored.truncate(k);
        scored
    }

    /// The rank from 1 of each of these items that is a candidate.
    pub(crate) fn ranks(&self, weights: &[f64], power: f64, wanted: &[u32]) -> Vec<usize> {
        let scored: Vec<(u32, f32)> = self.scored(weights, power).collect();
        let rank = |target: &(u32, f32)| 1 + scored.iter().filter(|other| best_first(other, target).is_lt()).count();
        scored.iter().filter(|one| wanted.contains(&one.0)).map(rank).collect()
    }

    /// Whether any of these items is a candidate.
    pub(crate) fn has_any(&self, wanted: &[u32]) -> bool {
        wanted.iter().any(|item| self.items.binary_search(item).is_ok())
    }

    /// The items that a model with weight has, with their scores. What only models without weight have is no candidate: its
    /// score 0 would tie with the last item of a list.
    fn scored(&self, weights: &[f64], power: f64) -> impl Iterator<Item = (u32, f32)> {
        let factor = |(weight, sure): (&f64, &f64)| if power == 0.0 { *weight } else { weight * sure.powf(power) };
        let factors: Vec<f64> = weights.iter().zip(&self.confidence).map(factor).collect();
        let counts: Vec<bool> = weights.iter().map(|&weight| weight > 0.0).collect();
        let rows = self.values.chunks_exact(weights.len());
        self.items.iter().zip(rows).filter_map(move |(&item, values)| {
            let counted = values.iter().zip(&counts).any(|(value, &counts)| counts && value.is_some());
            let score =
                || values.iter().zip(&factors).map(|(value, factor)| value.unwrap_or(0.0) * factor).sum::<f64>();
            counted.then(|| (item, score() as f32))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_values_are_summed_and_ranks_are_places_in_the_list() {
        let lists: [&[(u32, f32)]; 2] = [&[(7, 4.0), (3, 2.0), (9, 0.0)], &[(3, 0.9), (5, 0.1)]];
        let candidates = Candidates::of(0, &lists, Normalisation::MinMax, 1.0);
        let best = candidates.best(&[0.5, 0.5], 0.0, 2);
        assert_eq!(best, [(3, 0.75), (7, 0.5)]);
        assert_eq!(candidates.ranks(&[0.5, 0.5], 0.0, &[7]), [2]);
        assert_eq!(candidates.ranks(&[1.0, 0.0], 0.0, &[3, 4]), [2]);
        assert!(candidates.has_any(&[4, 5]) && !candidates.has_any(&[4]));
        let all = candidates.best(&[0.5, 0.5], 0.0, 9);
        for (rank, item) in (1..).zip(&all) {
            assert_eq!(candidates.ranks(&[0.5, 0.5], 0.0, &[item.0]), [rank]);
        }
    }

    #[test]
    fn a_model_without_weight_adds_no_candidate() {
        let lists: [&[(u32, f32)]; 2] = [&[(7, 4.0), (3, 2.0)], &[(0, 9.0), (1, 8.0), (2, 7.0), (4, 6.0), (3, 5.0)]];
        for normalisation in [Normalisation::MinMax, Normalisation::ReciprocalRank] {
            let candidates = Candidates::of(0, &lists, normalisation, 1.0);
            let best: Vec<u32> = candidates.best(&[1.0, 0.0], 0.0, 9).iter().map(|item| item.0).collect();
            assert_eq!(best, [7, 3]);
            assert!(candidates.ranks(&[1.0, 0.0], 0.0, &[0, 1, 2, 4]).is_empty());
        }
    }

    #[test]
    fn a_list_that_is_not_sure_counts_less() {
        let lists: [&[(u32, f32)]; 2] = [&[(1, 1.0), (2, 0.0), (3, 0.0), (4, 0.0)], &[(2, 1.0), (1, 0.9), (3, 0.8)]];
        let candidates = Candidates::of(0, &lists, Normalisation::ReciprocalRank, 0.0);
        assert_eq!(candidates.best(&[0.4, 0.6], 0.0, 1)[0].0, 2);
        assert_eq!(candidates.best(&[0.4, 0.6], 2.0, 1)[0].0, 1);
    }
}
