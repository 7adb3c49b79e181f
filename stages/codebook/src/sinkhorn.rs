//! Codes for many rows at once, each about as often: optimal transport with entropy (Cuturi 2013), as LC-Rec takes it for
//! its last level.

use crate::assignment::Nearest;
use crate::rows::Rows;

const EPSILON: f64 = 0.003;
const ITERATIONS: usize = 50;

/// For each row the code to which most of it goes, where every row has as much to give and every code as much to take.
/// Squared distances are centred between −1 and 1 before; among equals the lowest code wins.
pub(crate) fn sinkhorn(rows: &Rows, codes: &Rows) -> Vec<u32> {
    let mut plan = kernel(rows, codes);
    let width = codes.len();
    for _ in 0..ITERATIONS {
        for row in plan.chunks_exact_mut(width) {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|part| *part /= total * rows.len() as f64);
        }
        let mut totals = vec![0.0; width];
        for row in plan.chunks_exact(width) {
            totals.iter_mut().zip(row).for_each(|(total, part)| *total += part);
        }
        for row in plan.chunks_exact_mut(width) {
            row.iter_mut().zip(&totals).for_each(|(part, total)| *part /= total * width as f64);
        }
    }
    plan.chunks_exact(width).map(most).collect()
}

/// `exp(−distance / ε)` of every row and code.
fn kernel(rows: &Rows, codes: &Rows) -> Vec<f64> {
    let nearest = Nearest::new(codes);
    let mut distances = Vec::with_capacity(rows.len() * codes.len());
    let mut of_row = Vec::new();
    for row in rows.values.chunks_exact(rows.dim) {
        nearest.distances(row, &mut of_row);
        distances.extend(of_row[..codes.len()].iter().map(|&distance| f64::from(distance)));
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    distances.iter().for_each(|&distance| (low, high) = (low.min(distance), high.max(distance)));
    let middle = f64::midpoint(low, high);
    // The small number is for distances that are all equal.
    let half = high - middle + 1e-5;
    distances.iter_mut().for_each(|value| *value = (-(*value - middle) / half / EPSILON).exp());
    distances
}

fn most(row: &[f64]) -> u32 {
    let mut best = (0, f64::NEG_INFINITY);
    for (code, &part) in (0..).zip(row) {
        if part > best.1 {
            best = (code, part);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_shared_out_evenly_though_one_is_nearest_to_all() {
        let rows = Rows { dim: 1, values: vec![0.0, 0.1, 0.2, 0.3] };
        let codes = Rows { dim: 1, values: vec![0.1, 5.0] };
        assert_eq!(Nearest::new(&codes).of(&rows).iter().map(|one| one.0).collect::<Vec<_>>(), [0; 4]);
        assert_eq!(sinkhorn(&rows, &codes), [0, 0, 1, 1]);
    }

    #[test]
    fn equal_rows_and_codes_are_well_defined() {
        let rows = Rows { dim: 1, values: vec![1.0; 3] };
        assert_eq!(sinkhorn(&rows, &Rows { dim: 1, values: vec![1.0; 2] }), [0; 3]);
    }
}
