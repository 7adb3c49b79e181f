//! The measures of a user's ranks.

use std::fmt;
use std::str::FromStr;

/// What the ranks of one user's test items, or of their distinct codes, are worth; a measure of a model is the mean over
/// users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// `HR@k`: 1 where a rank is at most k.
    HitRatio(u32),
    /// `recall@k`: the ratio of the test items whose rank is at most k; with one test item it is `HR@k`.
    Recall(u32),
    /// `NDCG@k`: the sum of `1 / log2(rank + 1)` over ranks of at most k, divided by the most that so many test items
    /// can have: their ranks 1, 2, ..., as far as k.
    Ndcg(u32),
    /// `MRR`: `1 / rank` of the best rank.
    ReciprocalRank,
}

impl Measure {
    /// Every measure at these cutoffs, in the order of the tables; recall where a user may have `several` test items.
    pub(crate) fn all(cutoffs: &[u32], several: bool) -> Vec<Self> {
        let at = |of: fn(u32) -> Self| cutoffs.iter().copied().map(of);
        let recall = at(Self::Recall).filter(|_| several);
        at(Self::HitRatio).chain(recall).chain(at(Self::Ndcg)).chain([Self::ReciprocalRank]).collect()
    }

    /// What the ranks of a user's test items, of which there is at least one, are worth; a miss is worth nothing.
    pub(crate) fn gain(self, ranks: &[Option<u32>]) -> f64 {
        let found = || ranks.iter().flatten().copied();
        let within = |cutoff: u32| found().filter(move |&rank| rank <= cutoff);
        match self {
            Self::HitRatio(cutoff) => f64::from(u8::from(within(cutoff).next().is_some())),
            Self::Recall(cutoff) => within(cutoff).count() as f64 / ranks.len() as f64,
            Self::Ndcg(cutoff) => {
                let most = (1..=cutoff).take(ranks.len());
                within(cutoff).fold(0.0, |sum, rank| sum + discount(rank)) / most.map(discount).sum::<f64>()
            }
            Self::ReciprocalRank => found().min().map_or(0.0, |rank| 1.0 / f64::from(rank)),
        }
    }
}

fn discount(rank: u32) -> f64 {
    1.0 / (f64::from(rank) + 1.0).log2()
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HitRatio(cutoff) => write!(f, "HR@{cutoff}"),
            Self::Recall(cutoff) => write!(f, "recall@{cutoff}"),
            Self::Ndcg(cutoff) => write!(f, "NDCG@{cutoff}"),
            Self::ReciprocalRank => f.write_str("MRR"),
        }
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let cutoff = |digits: &str| digits.parse().ok().filter(|&cutoff| cutoff > 0);
        let measure = match name.split_once('@') {
            Some(("HR", digits)) => cutoff(digits).map(Self::HitRatio),
            Some(("recall", digits)) => cutoff(digits).map(Self::Recall),
            Some(("NDCG", digits)) => cutoff(digits).map(Self::Ndcg),
            None if name == "MRR" => Some(Self::ReciprocalRank),
            _ => None,
        };
        measure.ok_or_else(|| {
            format!("the metric is '{name}', expected HR@k, recall@k, NDCG@k with k of at least 1, or MRR")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for measure in Measure::all(&[1, 10, 500], true) {
            assert_eq!(measure.to_string().parse(), Ok(measure));
        }
        for name in ["HR", "HR@0", "HR@ten", "MRR@10", "coverage@10", ""] {
            assert!(name.parse::<Measure>().unwrap_err().contains(name));
        }
    }

    #[test]
    fn gains_are_those_of_the_formulas() {
        let gains =
            |rank| Measure::all(&[3], false).into_iter().map(|measure| measure.gain(&[rank])).collect::<Vec<_>>();
        assert_eq!(gains(Some(1)), [1.0, 1.0, 1.0]);
        assert_eq!(gains(Some(3)), [1.0, 0.5, 1.0 / 3.0]);
        assert_eq!(gains(Some(4)), [0.0, 0.0, 0.25]);
        assert_eq!(gains(None), [0.0; 3]);
    }

    #[test]
    fn ndcg_of_several_test_items_is_normalised() {
        let gains = |ranks: &[Option<u32>]| {
            Measure::all(&[3], true).into_iter().map(|measure| measure.gain(ranks)).collect::<Vec<_>>()
        };
        let ideal = 1.0 + 1.0 / 3.0_f64.log2() + 0.5;
        assert_eq!(gains(&[Some(3), None, Some(1), Some(4)]), [1.0, 0.5, 1.5 / ideal, 1.0]);
        assert_eq!(gains(&[Some(2), Some(1)]), [1.0; 4]);
        assert_eq!(gains(&[Some(4), None]), [0.0, 0.0, 0.0, 0.25]);
    }
}
