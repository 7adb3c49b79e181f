//! Pointwise mutual information of items.

use crate::counts::SparseRows;

/// Positive pointwise mutual information (Levy, Goldberg & Dagan 2015, section 2 and 3.2): with `n_i = Σ_j c_ij`,
///
/// `M_ij = max(0, ln( c_ij Σ_k n_k^s / (n_i n_j^s) ))`,
///
/// where the smoothing `s` below 1 keeps rare items from being near to everything they were once beside.
#[must_use]
pub(crate) fn positive_information(counts: &SparseRows<f64>, smoothing: f64) -> SparseRows<f32> {
    let totals: Vec<f64> = counts.iter().map(|row| row.iter().map(|&(_, count)| count).sum()).collect();
    let smoothed: Vec<f64> = totals.iter().map(|total| total.powf(smoothing)).collect();
    // 0 to the power of 0 is 1, and an item that was near no other is no context.
    let all: f64 = smoothed.iter().zip(&totals).filter(|(_, total)| **total > 0.0).map(|(value, _)| value).sum();
    let row = |(row, total): (&Vec<(u32, f64)>, &f64)| {
        let information = |&(item, count): &(u32, f64)| {
            let value = (count * all / (total * smoothed[item as usize])).ln();
            (value > 0.0).then_some((item, value as f32))
        };
        row.iter().filter_map(information).collect()
    };
    counts.iter().zip(&totals).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_that_computed_by_hand() {
        // n = [2, 3, 1], all = 6.
        let counts = vec![vec![(1, 2.0)], vec![(0, 2.0), (2, 1.0)], vec![(1, 1.0)], vec![]];
        let plain = positive_information(&counts, 1.0);
        let expected = |count: f64, one: f64, other: f64| (count * 6.0 / (one * other)).ln() as f32;
        assert_eq!(plain[0], [(1, expected(2.0, 2.0, 3.0))]);
        assert_eq!(plain[1], [(0, expected(2.0, 3.0, 2.0)), (2, expected(1.0, 3.0, 1.0))]);
        assert!(plain[3].is_empty());
        // With s = 0 every context is as frequent: ln(c 3 / n_i).
        let flat = positive_information(&counts, 0.0);
        assert_eq!(flat[1], [(0, 2.0_f64.ln() as f32)]);
    }

    #[test]
    fn what_is_rarer_together_than_by_chance_is_left_out() {
        let counts = vec![vec![(1, 9.0), (2, 1.0)], vec![(0, 9.0), (2, 9.0)], vec![(0, 1.0), (1, 9.0)]];
        let rows = positive_information(&counts, 1.0);
        assert_eq!(rows[0].iter().map(|entry| entry.0).collect::<Vec<_>>(), [1]);
    }
}
