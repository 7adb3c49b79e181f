//! Training samples: histories and the items that follow them.

use super::stream::{Purpose, stream};
use rand::seq::SliceRandom as _;

/// Batches that are sorted by length together.
const SORTED_TOGETHER: usize = 32;

/// A user's history, and the item that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample<'a> {
    pub(crate) user: u32,
    pub(crate) history: &'a [u32],
    pub(crate) target: u32,
}

/// All samples of training sequences.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    all: Vec<Sample<'a>>,
}

impl<'a> Samples<'a> {
    /// Every item but the first of each sequence (index = user), after what comes before it.
    pub(crate) fn new(sequences: &'a [Vec<u32>]) -> Self {
        let of = |(user, sequence): (u32, &'a Vec<u32>)| {
            let (user, sequence) = (user, sequence.as_slice());
            (1..sequence.len()).map(move |end| Sample { user, history: &sequence[..end], target: sequence[end] })
        };
        Self { all: (0..).zip(sequences).flat_map(of).collect() }
    }

    /// Number of samples of a pass.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The batches of a pass, each of samples of about the same length.
    pub(crate) fn pass(&self, seed: u64, pass: usize, size: usize, max_length: usize) -> Vec<Vec<Sample<'a>>> {
        let mut rng = stream(seed, Purpose::Samples, pass as u64);
        let mut order = self.all.clone();
        order.shuffle(&mut rng);
        for together in order.chunks_mut(size * SORTED_TOGETHER) {
            together.sort_by_key(|sample| sample.history.len().min(max_length));
        }
        let mut batches: Vec<Vec<Sample<'a>>> = order.chunks(size).map(<[_]>::to_vec).collect();
        batches.shuffle(&mut rng);
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_but_the_first_is_a_target_once_a_pass() {
        let sequences = [vec![4, 5, 6], vec![7], vec![], vec![1, 2]];
        let samples = Samples::new(&sequences);
        assert_eq!(samples.len(), 3);
        let batches = samples.pass(1, 1, 2, 10);
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 3);
        let mut found: Vec<(u32, Vec<u32>, u32)> =
            batches.concat().iter().map(|sample| (sample.user, sample.history.to_vec(), sample.target)).collect();
        found.sort_unstable();
        assert_eq!(found, [(0, vec![4], 5), (0, vec![4, 5], 6), (3, vec![1], 2)]);
        assert_eq!(batches, samples.pass(1, 1, 2, 10));
    }
}
