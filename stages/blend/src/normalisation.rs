//! What makes the scores of different models comparable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a list's scores are made comparable with those of another model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// The one of the others that held-out items choose.
    #[default]
    Best,
    /// 1 / (`rank_constant` + rank).
    ReciprocalRank,
    /// The exponential, as a ratio of the sum over the list.
    Softmax,
    /// Standard deviations above the list's last item.
    ZScore,
    /// 0 for the list's last item to 1 for its first.
    MinMax,
}

impl Normalisation {
    /// Those that are tried: itself, or all.
    pub(crate) fn tried(self) -> Vec<Self> {
        match self {
            Self::Best => vec![Self::ReciprocalRank, Self::Softmax, Self::ZScore, Self::MinMax],
            one => vec![one],
        }
    }

    /// What each item of a list counts, best first.
    pub(crate) fn apply(self, list: &[(u32, f32)], rank_constant: f64) -> Vec<f64> {
        let scores = || list.iter().map(|item| f64::from(item.1));
        let (least, most) = (scores().fold(f64::INFINITY, f64::min), scores().fold(f64::NEG_INFINITY, f64::max));
        let above = |unit: f64| scores().map(|score| if unit > 0.0 { (score - least) / unit } else { 0.0 }).collect();
        match self {
            Self::Best | Self::ReciprocalRank => {
                (1..=list.len()).map(|rank| 1.0 / (rank_constant + rank as f64)).collect()
            }
            Self::Softmax => {
                let sum: f64 = scores().map(|score| (score - most).exp()).sum();
                scores().map(|score| (score - most).exp() / sum).collect()
            }
            Self::ZScore => above(Spread::of(list).std),
            Self::MinMax => above(most - least),
        }
    }
}

/// How far a list's first item is above the others, in standard deviations; 0 where all are equal.
pub(crate) fn confidence(list: &[(u32, f32)]) -> f64 {
    let Spread { mean, std } = Spread::of(list);
    let most = list.iter().map(|item| f64::from(item.1)).fold(f64::NEG_INFINITY, f64::max);
    if std > 0.0 { (most - mean) / std } else { 0.0 }
}

#[derive(Debug)]
struct Spread {
    mean: f64,
    std: f64,
}

impl Spread {
    fn of(list: &[(u32, f32)]) -> Self {
        let number = list.len().max(1) as f64;
        let mean = list.iter().map(|item| f64::from(item.1)).sum::<f64>() / number;
        let squares: f64 = list.iter().map(|item| (f64::from(item.1) - mean).powi(2)).sum();
        Self { mean, std: (squares / number).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_computed_by_hand() {
        let list = [(5, 3.0), (1, 1.0), (2, -1.0)];
        let close = |found: Vec<f64>, expected: [f64; 3]| {
            assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
        };
        close(Normalisation::ReciprocalRank.apply(&list, 1.0), [1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0]);
        close(Normalisation::MinMax.apply(&list, 1.0), [1.0, 0.5, 0.0]);
        // The variance is (4 + 0 + 4) / 3.
        let std = (8.0_f64 / 3.0).sqrt();
        close(Normalisation::ZScore.apply(&list, 1.0), [4.0 / std, 2.0 / std, 0.0]);
        let sum = 1.0 + (-2.0_f64).exp() + (-4.0_f64).exp();
        close(Normalisation::Softmax.apply(&list, 1.0), [1.0, (-2.0_f64).exp(), (-4.0_f64).exp()].map(|x| x / sum));
        assert!((confidence(&list) - 2.0 / std).abs() < 1e-9);
    }

    #[test]
    fn a_list_of_equal_scores_says_nothing() {
        let list = [(5, 3.0), (1, 3.0)];
        assert_eq!(Normalisation::MinMax.apply(&list, 1.0), [0.0, 0.0]);
        assert_eq!(Normalisation::ZScore.apply(&list, 1.0), [0.0, 0.0]);
        assert_eq!(confidence(&list), 0.0);
        assert!(Normalisation::Softmax.apply(&[], 1.0).is_empty());
    }
}
