//! Collaborative item indices (Hua et al. 2023): spectral clustering of co-occurrences, again and again.
//!
//! With W the number of sequences in which two items both occur and D its row sums, the rows of the leading eigenvectors of
//! D^-½ W D^-½, each brought to length 1, are clustered by k-means (Ng, Jordan and Weiss 2001). A cluster with more than `base` items is
//! clustered again by the co-occurrences within it.

use frames::Codes;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::BTreeMap;

/// The most eigenvectors that a clustering looks at.
const VECTORS: usize = 32;
/// Subspace iterations.
const SUBSPACE_ITERATIONS: usize = 40;
/// Iterations of k-means.
const ITERATIONS: usize = 20;
/// Of a longer sequence the latest items count, since pairs grow with the square.
const LONGEST: usize = 50;

/// A code for each item: its path through clusters, its place in the last one, then zeros.
pub(crate) fn collaborative_codes(sequences: &[Vec<u32>], items: usize, base: usize, seed: u64) -> Codes {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut paths = vec![Vec::new(); items];
    let mut open: Vec<Vec<u32>> = vec![(0..items as u32).collect()];
    while let Some(cluster) = open.pop() {
        if cluster.len() <= base {
            for (place, &item) in (0_u32..).zip(&cluster) {
                paths[item as usize].push(place);
            }
            continue;
        }
        for (number, part) in (0_u32..).zip(split(sequences, &cluster, items, base, &mut rng)) {
            part.iter().for_each(|&item| paths[item as usize].push(number));
            open.push(part);
        }
    }
    let longest = paths.iter().map(Vec::len).max().unwrap_or(0);
    let level = |level: usize| paths.iter().map(|path| path.get(level).copied().unwrap_or(0)).collect();
    Codes { levels: (0..longest).map(level).collect() }
}

/// The parts of a cluster, none of them empty, and at least two.
fn split(sequences: &[Vec<u32>], cluster: &[u32], items: usize, base: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<u32>> {
    let graph = Graph::of(sequences, cluster, items);
    let columns = VECTORS.min(base).min(cluster.len());
    let rows = graph.leading_vectors(columns, rng);
    let assigned = k_means(&rows, columns, base, rng);
    let mut parts = vec![Vec::new(); base];
    for (&item, &part) in cluster.iter().zip(&assigned) {
        parts[part].push(item);
    }
    parts.retain(|part| !part.is_empty());
    match parts.len() {
        // Items that nothing tells apart.
        0 | 1 => cluster.chunks(cluster.len().div_ceil(base)).map(<[u32]>::to_vec).collect(),
        _ => parts,
    }
}

/// D^-½ W D^-½ of the items of a cluster, by row.
struct Graph {
    rows: Vec<Vec<(usize, f64)>>,
}

impl Graph {
    fn of(sequences: &[Vec<u32>], cluster: &[u32], items: usize) -> Self {
        let mut place = vec![usize::MAX; items];
        cluster.iter().enumerate().for_each(|(at, &item)| place[item as usize] = at);
        let mut counts = vec![BTreeMap::<usize, f64>::new(); cluster.len()];
        for sequence in sequences {
            let latest = &sequence[sequence.len().saturating_sub(LONGEST)..];
            let mut found: Vec<usize> =
                latest.iter().map(|&item| place[item as usize]).filter(|&at| at != usize::MAX).collect();
            found.sort_unstable();
            found.dedup();
            for (number, &left) in found.iter().enumerate() {
                for &right in &found[number + 1..] {
                    *counts[left].entry(right).or_default() += 1.0;
                    *counts[right].entry(left).or_default() += 1.0;
                }
            }
        }
        let degree: Vec<f64> = counts.iter().map(|row| row.values().sum::<f64>()).collect();
        let scaled = |(at, row): (usize, BTreeMap<usize, f64>)| {
            row.into_iter().map(|(other, count)| (other, count / (degree[at] * degree[other]).sqrt())).collect()
        };
        Self { rows: counts.into_iter().enumerate().map(scaled).collect() }
    }

    /// `[items, columns]` the leading eigenvectors, each row of length 1 or 0: subspace iteration on (M + I) / 2, whose
    /// eigenvalues are not negative.
    fn leading_vectors(&self, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let count = self.rows.len();
        let mut vectors: Vec<f64> = (0..count * columns).map(|_| rng.random::<f64>() - 0.5).collect();
        for _ in 0..SUBSPACE_ITERATIONS {
            orthonormalise(&mut vectors, columns);
            let mut next = vectors.clone();
            for (row, out) in self.rows.iter().zip(next.chunks_exact_mut(columns)) {
                for &(other, weight) in row {
                    let from = &vectors[other * columns..][..columns];
                    out.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
                }
            }
            vectors = next;
        }
        orthonormalise(&mut vectors, columns);
        for (row, of) in vectors.chunks_exact_mut(columns).zip(&self.rows) {
            let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
            let factor = if of.is_empty() || length == 0.0 { 0.0 } else { length.recip() };
            row.iter_mut().for_each(|value| *value *= factor);
        }
        vectors
    }
}

/// Makes the columns of `[n, columns]` orthogonal and of length 1 (Gram and Schmidt, modified).
fn orthonormalise(vectors: &mut [f64], columns: usize) {
    for column in 0..columns {
        for earlier in 0..column {
            let product: f64 = vectors.chunks_exact(columns).map(|row| row[column] * row[earlier]).sum();
            vectors.chunks_exact_mut(columns).for_each(|row| row[column] -= product * row[earlier]);
        }
        let length = vectors.chunks_exact(columns).map(|row| row[column] * row[column]).sum::<f64>().sqrt();
        if length > 0.0 {
            vectors.chunks_exact_mut(columns).for_each(|row| row[column] /= length);
        }
    }
}

/// The cluster of each row: seeds by k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's iterations.
fn k_means(rows: &[f64], columns: usize, clusters: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let row = |at: usize| &rows[at * columns..][..columns];
    let count = rows.len() / columns;
    let mut centres = row(rng.random_range(0..count as u64) as usize).to_vec();
    let mut nearest = vec![f64::INFINITY; count];
    while centres.len() < clusters * columns {
        let newest = &centres[centres.len() - columns..];
        for (at, distance) in nearest.iter_mut().enumerate() {
            *distance = distance.min(squared_distance(row(at), newest));
        }
        let mut left = rng.random::<f64>() * nearest.iter().sum::<f64>();
        let drawn = nearest.iter().position(|&distance| {
            left -= distance;
            left < 0.0
        });
        let Some(drawn) = drawn else { break };
        centres.extend_from_slice(row(drawn));
    }
    let mut assigned = vec![0; count];
    for _ in 0..ITERATIONS {
        for (at, own) in assigned.iter_mut().enumerate() {
            let distances = centres.chunks_exact(columns).map(|centre| squared_distance(row(at), centre));
            *own = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(centre, _)| centre);
        }
        let mut sums = vec![0.0; centres.len()];
        let mut sizes = vec![0.0; centres.len() / columns];
        for (at, &own) in assigned.iter().enumerate() {
            sizes[own] += 1.0;
            sums[own * columns..][..columns].iter_mut().zip(row(at)).for_each(|(sum, value)| *sum += value);
        }
        for (own, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0.0) {
            let place = own * columns..(own + 1) * columns;
            centres[place.clone()].iter_mut().zip(&sums[place]).for_each(|(centre, sum)| *centre = sum / size);
        }
    }
    assigned
}

fn squared_distance(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn related_items_share_first_codes() {
        // Three groups of four items, and item 12 that nobody has.
        let sequences: Vec<Vec<u32>> = (0..30)
            .map(|user| (0..4).filter(|n| n % 4 != user / 3 % 4).map(|n| 4 * (user % 3) + n).collect())
            .collect();
        let codes = collaborative_codes(&sequences, 13, 4, 1);
        let all: BTreeSet<Vec<u32>> = (0..13).map(|item| codes.of(item)).collect();
        assert_eq!(all.len(), 13);
        let first = &codes.levels[0];
        for group in 0..3 {
            assert!((0..4).all(|n| first[4 * group + n] == first[4 * group]), "{first:?}");
        }
        assert!(first[0] != first[4] && first[4] != first[8] && first[0] != first[8], "{first:?}");
        assert_eq!(codes, collaborative_codes(&sequences, 13, 4, 1));
    }

    #[test]
    fn items_without_users_get_codes_all_the_same() {
        let codes = collaborative_codes(&[], 10, 3, 1);
        let all: BTreeSet<Vec<u32>> = (0..10).map(|item| codes.of(item)).collect();
        assert_eq!(all.len(), 10);
    }
}
