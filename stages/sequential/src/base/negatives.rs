//! The items that a batch's targets are compared with.

use crate::parameters::{Loss, Shared};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

/// What targets are compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Negatives {
    /// All items.
    All,
    /// These items, ascending, each with the logarithm of how often it was drawn by how often that was to be expected.
    Shared { items: Vec<u32>, corrections: Vec<f32> },
    /// For each target an item of its own, drawn where the target is looked at.
    Own,
}

/// Draws the negatives of each step.
#[derive(Debug)]
pub(crate) enum NegativeSampler {
    /// None are drawn: all items.
    All,
    /// For the whole batch, in proportion to the steps between these ascending sums.
    Shared { count: usize, sums: Vec<f64> },
    /// For each target.
    Own,
}

impl NegativeSampler {
    /// The sampler of these settings, for items that occur so often in training.
    pub(crate) fn new(shared: &Shared, occurrences: &[u32]) -> Self {
        match shared.loss {
            Loss::Original => Self::Own,
            Loss::SampledSoftmax if shared.negatives < occurrences.len() => {
                let weight = |&count: &u32| (f64::from(count) + 1.0).powf(shared.negative_power);
                let sums = occurrences.iter().map(weight).scan(0.0, |sum, weight| {
                    *sum += weight;
                    Some(*sum)
                });
                Self::Shared { count: shared.negatives, sums: sums.collect() }
            }
            Loss::FullSoftmax | Loss::SampledSoftmax => Self::All,
        }
    }

    /// The negatives of a step.
    pub(crate) fn draw(&self, rng: &mut ChaCha8Rng) -> Negatives {
        let (count, sums) = match self {
            Self::All => return Negatives::All,
            Self::Own => return Negatives::Own,
            Self::Shared { count, sums } => (*count, sums),
        };
        let total = sums[sums.len() - 1];
        let mut drawn: Vec<u32> = (0..count)
            .map(|_| {
                let point = rng.random::<f64>() * total;
                sums.partition_point(|&sum| sum <= point).min(sums.len() - 1) as u32
            })
            .collect();
        drawn.sort_unstable();
        let (mut items, mut corrections) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for group in drawn.chunk_by(|left, right| left == right) {
            let item = group[0] as usize;
            let before = if item == 0 { 0.0 } else { sums[item - 1] };
            let expected = count as f64 * (sums[item] - before) / total;
            items.push(group[0]);
            corrections.push((group.len() as f64 / expected).ln() as f32);
        }
        Negatives::Shared { items, corrections }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::ModelParameters as _;
    use crate::sasrec::SasrecParameters;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn the_corrected_sum_is_that_over_all_items() {
        let parameters = SasrecParameters { negatives: 50, negative_power: 0.5, ..Default::default() };
        let occurrences: Vec<u32> = (0..200).map(|item| item * item % 37).collect();
        let sampler = NegativeSampler::new(&parameters.shared(), &occurrences);
        let exponential = |item: u32| f64::from(item % 7).exp();
        let expected: f64 = (0..200).map(exponential).sum();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let draws = 4_000;
        let mut sum = 0.0;
        for _ in 0..draws {
            let Negatives::Shared { items, corrections } = sampler.draw(&mut rng) else {
                panic!("drawn for the batch")
            };
            assert!(items.is_sorted_by(|left, right| left < right));
            sum +=
                items.iter().zip(corrections).map(|(&item, by)| exponential(item) * f64::from(by).exp()).sum::<f64>();
        }
        assert!((sum / f64::from(draws) / expected - 1.0).abs() < 0.02, "{} of {expected}", sum / f64::from(draws));
    }

    #[test]
    fn a_catalogue_smaller_than_the_negatives_takes_all_items() {
        let parameters = SasrecParameters { negatives: 50, ..Default::default() };
        let sampler = NegativeSampler::new(&parameters.shared(), &[1; 50]);
        assert_eq!(sampler.draw(&mut ChaCha8Rng::seed_from_u64(1)), Negatives::All);
    }
}
