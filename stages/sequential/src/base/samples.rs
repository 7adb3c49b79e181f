//! Training samples: sequences of items, and the items that follow or are hidden in them.

use super::stream::{Purpose, stream};
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// A sequence, and at some of its places what is to be found there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// What the model sees; the number of items stands for the mask.
    pub(crate) items: Vec<u32>,
    /// The places with a target, ascending.
    pub(crate) at: Vec<u32>,
    /// The target at each of these.
    pub(crate) targets: Vec<u32>,
}

/// What a model's samples are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sampling {
    /// Each sequence once, with the next item at every place.
    NextItem,
    /// Each beginning of each sequence, with the next item at its last place.
    Beginnings,
    /// Each beginning of each sequence, with items hidden behind the mask: its last one alone with the probability `last`, else each with
    /// the probability `ratio`, and at least one.
    Masked { ratio: f64, last: f64 },
}

/// The sequences to learn from.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    sequences: &'a [Vec<u32>],
    sampling: Sampling,
    max_length: usize,
    /// The number that stands for the mask.
    mask: u32,
    /// Sequence, and where a sample of it ends.
    all: Vec<(u32, u32)>,
}

impl<'a> Samples<'a> {
    /// The samples of these sequences, of the latest `max_length` items each.
    pub(crate) fn new(sequences: &'a [Vec<u32>], sampling: Sampling, max_length: usize, items: usize) -> Self {
        let mut all = Vec::new();
        for (number, sequence) in (0..).zip(sequences) {
            let length = sequence.len() as u32;
            match sampling {
                Sampling::Beginnings | Sampling::Masked { .. } => all.extend((2..=length).map(|end| (number, end))),
                Sampling::NextItem if length >= 2 => all.push((number, length)),
                Sampling::NextItem => {}
            }
        }
        Self { sequences, sampling, max_length, mask: items as u32, all }
    }

    /// Number of samples of a pass.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The samples of a pass in its order, in batches of at most `size`.
    pub(crate) fn pass(&self, seed: u64, pass: usize, size: usize) -> impl Iterator<Item = Vec<Sample>> + use<'_> {
        let mut rng = stream(seed, Purpose::Samples, pass as u64);
        let mut order = self.all.clone();
        order.shuffle(&mut rng);
        let batches = order.len().div_ceil(size);
        (0..batches).map(move |batch| {
            let rest = &order[batch * size..];
            rest[..size.min(rest.len())].iter().map(|&one| self.sample(one, &mut rng)).collect()
        })
    }

    fn sample(&self, (sequence, end): (u32, u32), rng: &mut ChaCha8Rng) -> Sample {
        let sequence = &self.sequences[sequence as usize][..end as usize];
        match self.sampling {
            Sampling::NextItem => {
                let seen = &sequence[..sequence.len() - 1];
                let items = latest(seen, self.max_length).to_vec();
                let targets = latest(&sequence[1..], self.max_length).to_vec();
                Sample { at: (0..items.len() as u32).collect(), items, targets }
            }
            Sampling::Beginnings => {
                let (target, seen) = (sequence[sequence.len() - 1], &sequence[..sequence.len() - 1]);
                let items = latest(seen, self.max_length).to_vec();
                Sample { at: vec![items.len() as u32 - 1], items, targets: vec![target] }
            }
            Sampling::Masked { ratio, last } => self.masked(latest(sequence, self.max_length), ratio, last, rng),
        }
    }

    fn masked(&self, sequence: &[u32], ratio: f64, last: f64, rng: &mut ChaCha8Rng) -> Sample {
        let length = sequence.len() as u32;
        let mut at = if rng.random::<f64>() < last {
            vec![length - 1]
        } else {
            (0..length).filter(|_| rng.random::<f64>() < ratio).collect()
        };
        if at.is_empty() {
            at.push(rng.random_range(0..length));
        }
        let mut sample = Sample { items: sequence.to_vec(), at, targets: Vec::new() };
        for &place in &sample.at {
            sample.targets.push(sample.items[place as usize]);
            sample.items[place as usize] = self.mask;
        }
        sample
    }
}

/// The question for what follows a history that is not empty: its latest items, followed by the mask where there is one.
pub(crate) fn question(history: &[u32], max_length: usize, mask: Option<u32>) -> Sample {
    let mut items = latest(history, max_length - usize::from(mask.is_some() && max_length > 1)).to_vec();
    items.extend(mask);
    let items = latest(&items, max_length).to_vec();
    Sample { at: vec![items.len() as u32 - 1], items, targets: Vec::new() }
}

/// The last `count` items.
fn latest(items: &[u32], count: usize) -> &[u32] {
    &items[items.len().saturating_sub(count)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(sequences: &[Vec<u32>], sampling: Sampling, max_length: usize) -> Vec<Sample> {
        let samples = Samples::new(sequences, sampling, max_length, 9);
        let mut all: Vec<Sample> = samples.pass(1, 0, 2).flatten().collect();
        all.sort_by(|left, right| (&left.items, &left.at).cmp(&(&right.items, &right.at)));
        all
    }

    #[test]
    fn sequences_longer_than_the_window_keep_their_latest_items() {
        let sequences = [vec![0, 1, 2, 3, 4], vec![5], vec![], vec![6, 7]];
        let next = epoch(&sequences, Sampling::NextItem, 3);
        let expected = [
            Sample { items: vec![1, 2, 3], at: vec![0, 1, 2], targets: vec![2, 3, 4] },
            Sample { items: vec![6], at: vec![0], targets: vec![7] },
        ];
        assert_eq!(next, expected);
    }

    #[test]
    fn each_beginning_is_a_sample() {
        let found = epoch(&[vec![0, 1, 2, 3]], Sampling::Beginnings, 2);
        let sample = |items: &[u32], target| Sample {
            items: items.to_vec(),
            at: vec![items.len() as u32 - 1],
            targets: vec![target],
        };
        assert_eq!(found, [sample(&[0], 1), sample(&[0, 1], 2), sample(&[1, 2], 3)]);
    }

    #[test]
    fn what_is_masked_is_the_target() {
        let sequence = vec![1, 2, 3, 4, 5, 6];
        let sequences = vec![sequence.clone(); 200];
        let found = epoch(&sequences, Sampling::Masked { ratio: 0.3, last: 0.0 }, 6);
        let masked: usize = found.iter().map(|sample| sample.at.len()).sum();
        // Of a beginning of n items 0.3 n are expected, and one where there would be none: 7.4 of the 20 of each sequence.
        assert!((0.34..0.40).contains(&(masked as f64 / 4000.0)), "{masked} of 4,000");
        for sample in &found {
            assert!(!sample.at.is_empty());
            let mut filled = sample.items.clone();
            for (&place, &target) in sample.at.iter().zip(&sample.targets) {
                assert_eq!(filled[place as usize], 9);
                filled[place as usize] = target;
            }
            assert_eq!(filled, sequence[..filled.len()]);
        }
        let last = epoch(&sequences, Sampling::Masked { ratio: 0.3, last: 1.0 }, 6);
        assert_eq!(last.len(), 1000, "five beginnings of two or more items each");
        let is_last = |sample: &Sample| {
            let end = sample.items.len() as u32;
            sample.at == [end - 1] && sample.targets == [end]
        };
        assert!(last.iter().all(is_last));
    }

    #[test]
    fn a_question_ends_with_the_mask_where_there_is_one() {
        assert_eq!(question(&[1, 2, 3], 2, None).items, [2, 3]);
        assert_eq!(question(&[1, 2, 3], 2, Some(9)).items, [3, 9]);
        assert_eq!(question(&[1, 2, 3], 1, Some(9)).items, [9]);
        assert_eq!(question(&[1, 2, 3], 5, Some(9)).at, [3]);
    }
}
