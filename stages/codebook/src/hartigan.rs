//! Hartigan's k-means: one row at a time goes to the cluster where it costs least, centres moving along (Hartigan and Wong
//! 1979; Telgarsky and Vattani 2010).
//!
//! A row draws its own centre towards itself, so by distance alone it stays too long, the more so in small clusters. With
//! `n` rows in a cluster, leaving it saves `n / (n − 1) |x − c|²` and joining it costs `n / (n + 1) |x − c|²`.

use crate::assignment::Nearest;
use crate::rows::Rows;

/// Passes over all rows, at most.
const PASSES: usize = 50;

/// The smallest ratio of a row's cost that a move must save, above what rounding can pretend.
const WORTH: f32 = 1e-5;

/// The means of clusters after moves from `assigned`, each of which made the sum of squared distances smaller. Centres of
/// clusters that have no row stay where they are.
pub(crate) fn hartigan(rows: &Rows, centres: &Rows, assigned: &[(u32, f32)]) -> Rows {
    let mut clusters = Clusters::of(rows, centres, assigned);
    let mut cluster_of: Vec<usize> = assigned.iter().map(|one| one.0 as usize).collect();
    for _ in 0..PASSES {
        let mut moves = 0_usize;
        for (row, own) in cluster_of.iter_mut().enumerate() {
            let best = clusters.best(rows.row(row), *own);
            if best != *own {
                clusters.give(rows.row(row), *own, best);
                *own = best;
                moves += 1;
            }
        }
        if moves == 0 {
            break;
        }
    }
    clusters.centres
}

/// Clusters whose rows come and go.
struct Clusters {
    centres: Rows,
    nearest: Nearest,
    /// Of each cluster, the sum of its rows.
    sums: Vec<f64>,
    counts: Vec<u32>,
    /// Of each cluster, what joining it costs of a squared distance: `n / (n + 1)`.
    joining: Vec<f32>,
    /// Buffer for the distances of one row.
    distances: Vec<f32>,
}

impl Clusters {
    fn of(rows: &Rows, centres: &Rows, assigned: &[(u32, f32)]) -> Self {
        let mut clusters = Self {
            centres: centres.clone(),
            nearest: Nearest::new(centres),
            sums: vec![0.0; centres.values.len()],
            counts: vec![0; centres.len()],
            joining: vec![0.0; centres.len()],
            distances: Vec::new(),
        };
        for (row, &(cluster, _)) in assigned.iter().enumerate() {
            clusters.counts[cluster as usize] += 1;
            clusters.add(rows.row(row), cluster as usize, 1.0);
        }
        (0..centres.len()).for_each(|cluster| clusters.settle(cluster));
        clusters
    }

    /// Where the row costs least; among equals it stays, or the lowest wins.
    fn best(&mut self, row: &[f32], own: usize) -> usize {
        if self.counts[own] < 2 {
            return own;
        }
        self.nearest.distances(row, &mut self.distances);
        let count = self.counts[own] as f32;
        let mut least = self.distances[own] * count / (count - 1.0) * (1.0 - WORTH);
        let mut best = own;
        for (cluster, (distance, ratio)) in self.distances.iter().zip(&self.joining).enumerate() {
            if distance * ratio < least && cluster != own {
                (least, best) = (distance * ratio, cluster);
            }
        }
        best
    }

    fn give(&mut self, row: &[f32], from: usize, to: usize) {
        self.counts[from] -= 1;
        self.counts[to] += 1;
        self.add(row, from, -1.0);
        self.add(row, to, 1.0);
        self.settle(from);
        self.settle(to);
    }

    fn add(&mut self, row: &[f32], cluster: usize, sign: f64) {
        let dim = self.centres.dim;
        let sums = &mut self.sums[cluster * dim..][..dim];
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += sign * f64::from(value));
    }

    /// Puts a centre where its rows' mean is.
    fn settle(&mut self, cluster: usize) {
        let count = self.counts[cluster];
        self.joining[cluster] = count as f32 / (count + 1) as f32;
        if count == 0 {
            return;
        }
        let dim = self.centres.dim;
        let sums = &self.sums[cluster * dim..][..dim];
        let means = self.centres.row_mut(cluster).iter_mut().zip(sums);
        means.for_each(|(mean, sum)| *mean = (sum / f64::from(count)) as f32);
        self.nearest.replace(cluster, self.centres.row(cluster));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_leaves_a_centre_that_only_it_holds_back() {
        // By distance nothing moves: 4 is as near to 2, the mean of 0 and 4, as to 6. Apart it costs less.
        let rows = Rows { dim: 1, values: vec![0.0, 4.0, 6.0, 6.0, 6.0] };
        let centres = Rows { dim: 1, values: vec![2.0, 6.0] };
        let assigned = Nearest::new(&centres).of(&rows);
        assert_eq!(assigned.iter().map(|one| one.0).collect::<Vec<_>>(), [0, 0, 1, 1, 1]);
        assert_eq!(hartigan(&rows, &centres, &assigned).values, [0.0, 5.5]);
    }

    #[test]
    fn a_cluster_without_rows_gets_one_and_equal_rows_stay() {
        let rows = Rows { dim: 1, values: vec![1.0, 1.0, 5.0] };
        let centres = Rows { dim: 1, values: vec![1.0, 40.0] };
        let assigned = Nearest::new(&centres).of(&rows);
        let found = hartigan(&rows, &centres, &assigned);
        assert!(found.values.contains(&5.0) && found.values.contains(&1.0), "{found:?}");
        let equal = Rows { dim: 1, values: vec![1.0; 3] };
        assert_eq!(hartigan(&equal, &centres, &[(0, 0.0); 3]).values, [1.0, 40.0]);
    }
}
