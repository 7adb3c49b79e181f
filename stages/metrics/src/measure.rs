//! The measures of a rank.

use std::fmt;
use std::str::FromStr;

/// What one user's rank is worth; a measure of a model is the mean over users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// `HR@k`: 1 where the rank is at most k.
    HitRatio(u32),
    /// `NDCG@k`: `1 / log2(rank + 1)` where the rank is at most k.
    Ndcg(u32),
    /// `MRR`: `1 / rank`.
    ReciprocalRank,
}

impl Measure {
    /// Every measure at these cutoffs, in the order of the tables.
    pub(crate) fn all(cutoffs: &[u32]) -> Vec<Self> {
        let at = |of: fn(u32) -> Self| cutoffs.iter().copied().map(of);
        at(Self::HitRatio).chain(at(Self::Ndcg)).chain([Self::ReciprocalRank]).collect()
    }

    /// What that rank is worth; a miss is worth nothing.
    pub(crate) fn gain(self, rank: Option<u32>) -> f64 {
        let Some(rank) = rank else { return 0.0 };
        match self {
            Self::HitRatio(cutoff) if rank <= cutoff => 1.0,
            Self::Ndcg(cutoff) if rank <= cutoff => 1.0 / (f64::from(rank) + 1.0).log2(),
            Self::HitRatio(_) | Self::Ndcg(_) => 0.0,
            Self::ReciprocalRank => 1.0 / f64::from(rank),
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HitRatio(cutoff) => write!(f, "HR@{cutoff}"),
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
            Some(("NDCG", digits)) => cutoff(digits).map(Self::Ndcg),
            None if name == "MRR" => Some(Self::ReciprocalRank),
            _ => None,
        };
        measure.ok_or_else(|| format!("the metric is '{name}', expected HR@k, NDCG@k with k of at least 1, or MRR"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for measure in Measure::all(&[1, 10, 500]) {
            assert_eq!(measure.to_string().parse(), Ok(measure));
        }
        for name in ["HR", "HR@0", "HR@ten", "MRR@10", "coverage@10", ""] {
            assert!(name.parse::<Measure>().unwrap_err().contains(name));
        }
    }

    #[test]
    fn gains_are_those_of_the_formulas() {
        let gains = |rank| Measure::all(&[3]).into_iter().map(|measure| measure.gain(rank)).collect::<Vec<_>>();
        assert_eq!(gains(Some(1)), [1.0, 1.0, 1.0]);
        assert_eq!(gains(Some(3)), [1.0, 0.5, 1.0 / 3.0]);
        assert_eq!(gains(Some(4)), [0.0, 0.0, 0.25]);
        assert_eq!(gains(None), [0.0; 3]);
    }
}
