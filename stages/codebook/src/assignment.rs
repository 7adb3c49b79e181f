//! Eq. 2: the nearest code by squared Euclidean distance.

use crate::rows::Rows;
use rayon::prelude::*;

/// Codes that are compared at a time: as many as keep the CPU's multipliers busy while their sums stay in registers.
const TILE: usize = 64;

/// Rows of one task of a thread.
const ROWS: usize = 256;

/// The codes of a level, in tiles: of 64 codes first all first numbers, then all second numbers, and so on.
#[derive(Debug)]
pub(crate) struct Nearest {
    dim: usize,
    tiles: Vec<[f32; TILE]>,
}

impl Nearest {
    /// Prepares the search among `codes` `[C, d]`.
    pub(crate) fn new(codes: &Rows) -> Self {
        // Places without a code are infinitely far from everything.
        let tiles = vec![[f32::INFINITY; TILE]; codes.len().div_ceil(TILE) * codes.dim];
        let mut nearest = Self { dim: codes.dim, tiles };
        (0..codes.len()).for_each(|code| nearest.replace(code, codes.row(code)));
        nearest
    }

    /// For each row the nearest code and its squared distance. Among equals the lowest code wins.
    pub(crate) fn of(&self, rows: &Rows) -> Vec<(u32, f32)> {
        rows.values.par_chunks_exact(self.dim).with_min_len(ROWS).map(|row| self.of_row(row)).collect()
    }

    /// Puts another code at the place of one.
    pub(crate) fn replace(&mut self, code: usize, values: &[f32]) {
        for (column, value) in values.iter().enumerate() {
            self.tiles[code / TILE * self.dim + column][code % TILE] = *value;
        }
    }

    /// The squared distances of a row to all codes, and perhaps of infinite ones behind them.
    pub(crate) fn distances(&self, row: &[f32], found: &mut Vec<f32>) {
        found.clear();
        self.tiles.chunks_exact(self.dim).for_each(|tile| found.extend(of_tile(row, tile)));
    }

    /// Each place in a tile keeps the best that it saw, so that the comparisons need no branch.
    fn of_row(&self, row: &[f32]) -> (u32, f32) {
        let (mut least, mut best) = ([f32::INFINITY; TILE], [0_u32; TILE]);
        for (first, tile) in (0..).step_by(TILE).zip(self.tiles.chunks_exact(self.dim)) {
            let distances = of_tile(row, tile);
            for place in 0..TILE {
                let better = distances[place] < least[place];
                least[place] = if better { distances[place] } else { least[place] };
                best[place] = if better { first + place as u32 } else { best[place] };
            }
        }
        let mut found = (0, f32::INFINITY);
        for (code, distance) in best.into_iter().zip(least) {
            if distance < found.1 || (distance == found.1 && code < found.0) {
                found = (code, distance);
            }
        }
        found
    }
}

/// The squared distances of a row to the codes of a tile.
fn of_tile(row: &[f32], tile: &[[f32; TILE]]) -> [f32; TILE] {
    let mut distances = [0.0; TILE];
    for (value, codes) in row.iter().zip(tile) {
        for (distance, code) in distances.iter_mut().zip(codes) {
            let difference = value - code;
            *distance = difference.mul_add(difference, *distance);
        }
    }
    distances
}

/// The codes without their distances.
pub(crate) fn only_codes(assigned: &[(u32, f32)]) -> Vec<u32> {
    assigned.iter().map(|one| one.0).collect()
}

/// Takes from each row its code: the residual that the next level gets (Eq. 1).
pub(crate) fn subtract(rows: &mut Rows, level: &Rows, codes: &[u32]) {
    for (row, &code) in codes.iter().enumerate() {
        let part = level.row(code as usize);
        rows.row_mut(row).iter_mut().zip(part).for_each(|(value, part)| *value -= part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_code_wins_and_the_lowest_among_equals() {
        let codes = Rows { dim: 2, values: vec![1.0, 0.0, 0.0, 2.0, 1.0, 0.0, -1.0, 0.0] };
        let mut rows = Rows { dim: 2, values: vec![0.9, 0.1, 0.0, 0.0, 0.0, 1.6] };
        let assigned = Nearest::new(&codes).of(&rows);
        assert_eq!(only_codes(&assigned), [0, 0, 1]);
        subtract(&mut rows, &codes, &only_codes(&assigned));
        assert_eq!(rows.row(1), [-1.0, 0.0]);
        assert!(
            (rows.mean_squared_length() - f64::from(assigned.iter().map(|one| one.1).sum::<f32>()) / 3.0).abs() < 1e-6
        );
    }
}
