//! The first codes of a level: k-means with k-means++ seeds (Arthur and Vassilvitskii 2007), in iterations over all rows (Lloyd)
//! and then row by row (Hartigan), which goes on where these iterations are stuck.

use crate::assignment::{Nearest, only_codes, subtract};
use crate::hartigan::hartigan;
use crate::parameters::Parameters;
use crate::rows::Rows;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

const ITERATIONS: usize = 50;

/// For each level the centres of what the levels before it leave of the batch.
pub(crate) fn initial_codes(batch: &Rows, parameters: &Parameters, rng: &mut ChaCha8Rng) -> Vec<Rows> {
    let mut residual = batch.clone();
    let mut of_level = || {
        let codes = cluster(&residual, parameters.codes, rng);
        let assigned = Nearest::new(&codes).of(&residual);
        subtract(&mut residual, &codes, &only_codes(&assigned));
        codes
    };
    (0..parameters.levels).map(|_| of_level()).collect()
}

/// `codes` centres of the rows. Rows that are all equal give equal centres.
pub(crate) fn cluster(rows: &Rows, codes: usize, rng: &mut ChaCha8Rng) -> Rows {
    let mut centres = seeds(rows, codes, rng);
    let mut assigned = Nearest::new(&centres).of(rows);
    for _ in 0..ITERATIONS {
        centres = means(rows, &centres, &assigned);
        reset_dead_codes(&mut centres, rows, &assigned);
        let again = Nearest::new(&centres).of(rows);
        let settled = again.iter().zip(&assigned).all(|(new, old)| new.0 == old.0);
        assigned = again;
        if settled {
            break;
        }
    }
    hartigan(rows, &centres, &assigned)
}

/// Puts each code that has no row on the row that is farthest from its own code, one row for each; returns those codes.
/// Rows that are represented exactly attract no code.
pub(crate) fn reset_dead_codes(codes: &mut Rows, rows: &Rows, assigned: &[(u32, f32)]) -> Vec<usize> {
    let mut uses = vec![0_usize; codes.len()];
    assigned.iter().for_each(|&(code, _)| uses[code as usize] += 1);
    let dead: Vec<usize> = (0..codes.len()).filter(|&code| uses[code] == 0).collect();
    if dead.is_empty() {
        return dead;
    }
    let mut far: Vec<usize> = (0..assigned.len()).filter(|&row| assigned[row].1 > 0.0).collect();
    far.sort_by(|&a, &b| assigned[b].1.total_cmp(&assigned[a].1).then(a.cmp(&b)));
    let reset: Vec<usize> = dead.into_iter().take(far.len()).collect();
    for (&code, &row) in reset.iter().zip(&far) {
        codes.row_mut(code).copy_from_slice(rows.row(row));
    }
    reset
}

/// The first seed is drawn uniformly, each other with a probability proportional to its squared distance.
fn seeds(rows: &Rows, codes: usize, rng: &mut ChaCha8Rng) -> Rows {
    let mut chosen = vec![rng.random_range(0..rows.len() as u64) as usize];
    let mut distances = vec![f32::INFINITY; rows.len()];
    while chosen.len() < codes {
        let newest = rows.row(chosen[chosen.len() - 1]);
        for (row, distance) in distances.iter_mut().enumerate() {
            let squares: f32 = rows.row(row).iter().zip(newest).map(|(a, b)| (a - b) * (a - b)).sum();
            *distance = distance.min(squares);
        }
        let total: f64 = distances.iter().map(|&distance| f64::from(distance)).sum();
        let mut left = rng.random::<f64>() * total;
        let drawn = distances.iter().position(|&distance| {
            left -= f64::from(distance);
            left < 0.0
        });
        // Rows that are all chosen, or equal to chosen ones, leave nothing to draw by distance.
        chosen.push(drawn.unwrap_or(chosen.len() % rows.len()));
    }
    rows.select(&chosen)
}

fn means(rows: &Rows, centres: &Rows, assigned: &[(u32, f32)]) -> Rows {
    let mut sums = vec![0.0_f64; centres.values.len()];
    let mut counts = vec![0_u32; centres.len()];
    for (row, &(code, _)) in assigned.iter().enumerate() {
        counts[code as usize] += 1;
        let sum = &mut sums[code as usize * rows.dim..][..rows.dim];
        sum.iter_mut().zip(rows.row(row)).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let mut means = centres.clone();
    for (code, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let sum = &sums[code * rows.dim..][..rows.dim];
        means.row_mut(code).iter_mut().zip(sum).for_each(|(mean, sum)| *mean = (sum / f64::from(count)) as f32);
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn separate_clusters_are_found() {
        let values =
            (0..60).flat_map(|n| [(n % 3) as f32 * 10.0 + (n / 3) as f32 * 0.01, (n % 2) as f32 * 0.1]).collect();
        let rows = Rows { dim: 2, values };
        let centres = cluster(&rows, 3, &mut ChaCha8Rng::seed_from_u64(1));
        let mut first: Vec<i32> = (0..3).map(|code| centres.row(code)[0].round() as i32).collect();
        first.sort_unstable();
        assert_eq!(first, [0, 10, 20]);
    }

    #[test]
    fn equal_rows_and_as_many_codes_as_rows_are_well_defined() {
        let equal = Rows { dim: 1, values: vec![2.0; 5] };
        assert_eq!(cluster(&equal, 3, &mut ChaCha8Rng::seed_from_u64(1)).values, [2.0; 3]);
        let distinct = Rows { dim: 1, values: vec![1.0, 2.0, 3.0, 4.0] };
        let mut centres = cluster(&distinct, 4, &mut ChaCha8Rng::seed_from_u64(1)).values;
        centres.sort_by(f32::total_cmp);
        assert_eq!(centres, distinct.values);
    }

    #[test]
    fn a_code_without_rows_goes_to_the_farthest_row() {
        let rows = Rows { dim: 1, values: vec![0.0, 1.0, 9.0] };
        let mut codes = Rows { dim: 1, values: vec![0.0, 100.0, 200.0] };
        let assigned = Nearest::new(&codes).of(&rows);
        assert_eq!(reset_dead_codes(&mut codes, &rows, &assigned), [1, 2]);
        assert_eq!(codes.values, [0.0, 9.0, 1.0]);
    }
}
