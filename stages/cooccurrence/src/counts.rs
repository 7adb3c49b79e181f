//! How often two items stand near each other in sequences.

/// Rows of a square matrix without its zeros: by row, the columns in order with their values.
pub type SparseRows<T> = Vec<Vec<(u32, T)>>;

/// Windowed co-occurrence `c_ij`: over all pairs of different items at most `window` steps apart in a sequence, the sum of
/// `1 / distance`. Symmetric, `[items, items]`.
#[must_use]
pub fn windowed_counts(sequences: &[Vec<u32>], items: usize, window: usize) -> SparseRows<f64> {
    let mut pairs: Vec<(u32, u32, f64)> = Vec::new();
    for sequence in sequences {
        for (place, &left) in sequence.iter().enumerate() {
            for (distance, &right) in (1_u32..).zip(sequence[place + 1..].iter().take(window)) {
                if left != right {
                    let weight = 1.0 / f64::from(distance);
                    pairs.extend([(left, right, weight), (right, left, weight)]);
                }
            }
        }
    }
    // A stable sort, so that weights are summed in the order of the sequences.
    pairs.sort_by_key(|&(left, right, _)| (left, right));
    let mut rows = vec![Vec::new(); items];
    for equal in pairs.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let (left, right, _) = equal[0];
        rows[left as usize].push((right, equal.iter().map(|&(_, _, weight)| weight).sum()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_count_by_the_inverse_of_their_distance() {
        let rows = windowed_counts(&[vec![0, 1, 2], vec![1, 2, 1]], 4, 5);
        assert_eq!(rows[0], [(1, 1.0), (2, 0.5)]);
        assert_eq!(rows[1], [(0, 1.0), (2, 3.0)]);
        assert_eq!(rows[2], [(0, 0.5), (1, 3.0)]);
        assert!(rows[3].is_empty());
        assert_eq!(windowed_counts(&[vec![0, 1, 2]], 3, 1)[0], [(1, 1.0)]);
    }
}
