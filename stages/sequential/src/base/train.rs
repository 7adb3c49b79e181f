//! What a network learns in an epoch, and what it is measured by.

use super::Model;
use super::evaluation::Evaluator;
use super::negatives::NegativeSampler;
use super::network::Network;
use super::samples::{Sample, Samples};
use super::stream::{Purpose, stream};
use contract::Result;
use nn::EpochTask;
use recommender::Quality;

/// What a training learns from.
#[derive(Debug)]
pub(crate) struct Training<'a> {
    pub(crate) samples: &'a Samples<'a>,
    pub(crate) negatives: &'a NegativeSampler,
    pub(crate) evaluator: Option<&'a Evaluator<'a>>,
    /// Samples of a step.
    pub(crate) batch: usize,
    /// Passes over the samples that an epoch is.
    pub(crate) passes: usize,
    pub(crate) seed: u64,
}

impl<M: Model> EpochTask<Network<M>> for Training<'_> {
    type Batch = Vec<Sample>;

    fn batch_count(&self) -> usize {
        self.passes * self.samples.len().div_ceil(self.batch)
    }

    fn batches(&self, epoch: usize) -> impl Iterator<Item = Self::Batch> {
        let first = (epoch - 1) * self.passes + 1;
        (first..first + self.passes).flat_map(|pass| self.samples.pass(self.seed, pass, self.batch))
    }

    fn targets(batch: &Self::Batch) -> usize {
        batch.iter().map(|sample| sample.targets.len()).sum()
    }

    fn step(&self, network: &mut Network<M>, batch: &Self::Batch, step: u64) -> Result<f64> {
        let negatives = self.negatives.draw(&mut stream(self.seed, Purpose::Negatives, step));
        network.step(batch, &negatives)
    }

    fn is_evaluated(&self) -> bool {
        self.evaluator.is_some()
    }

    fn evaluate(&self, network: &mut Network<M>) -> Result<Option<Quality>> {
        self.evaluator.map(|evaluator| evaluator.measure(network)).transpose()
    }
}
