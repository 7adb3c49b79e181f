//! Mean, standard deviation, and p-values that hold for several questions at once.

/// The mean. Not a number for no values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample, with n − 1. Nothing for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The p-values after Holm's correction, in the order given.
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut adjusted = vec![0.0; values.len()];
    let mut largest: f64 = 0.0;
    for (rank, place) in order.into_iter().enumerate() {
        largest = largest.max((values[place] * (values.len() - rank) as f64).min(1.0));
        adjusted[place] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert!((mean(&[1.0, 2.0, 6.0]) - 3.0).abs() < 1e-12);
        assert!((standard_deviation(&[1.0, 2.0, 6.0]).unwrap() - 7.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(standard_deviation(&[1.0]), None);
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
    }

    proptest! {
        #[test]
        fn holm_keeps_the_order_and_lies_between_p_and_bonferroni(values in proptest::collection::vec(0.0..=1.0_f64, 1..20)) {
            let adjusted = holm(&values);
            for (p, q) in values.iter().zip(&adjusted) {
                prop_assert!(q >= p && *q <= 1.0 && *q <= (p * values.len() as f64).min(1.0) + 1e-12);
                for (other_p, other_q) in values.iter().zip(&adjusted) {
                    prop_assert!(p >= other_p || q <= other_q);
                }
            }
            let least = values.iter().copied().fold(1.0, f64::min);
            let smallest = adjusted.iter().copied().fold(1.0, f64::min);
            prop_assert!((smallest - (least * values.len() as f64).min(1.0)).abs() < 1e-12);
        }

        #[test]
        fn the_mean_moves_with_the_values_and_the_deviation_does_not(
            values in proptest::collection::vec(-10.0..10.0_f64, 2..20), shift in -5.0..5.0_f64,
        ) {
            let moved: Vec<f64> = values.iter().map(|value| value + shift).collect();
            prop_assert!((mean(&moved) - mean(&values) - shift).abs() < 1e-9);
            prop_assert!((standard_deviation(&moved).unwrap() - standard_deviation(&values).unwrap()).abs() < 1e-9);
        }
    }
}
