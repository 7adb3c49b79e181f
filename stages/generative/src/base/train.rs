//! What a network learns in an epoch, and what it is measured by.

use super::network::Network;
use super::samples::{Sample, Samples};
use super::search::Decoding;
use crate::parameters::Shared;
use contract::Result;
use nn::{CosineSchedule, EpochTask};
use recommender::{Quality, Validation};

/// Measures a network on held-out items.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    pub(crate) validation: &'a Validation,
    /// The users that lists are decoded for.
    pub(crate) users: &'a [u32],
    /// `[users]` what came before the held-out items.
    pub(crate) histories: &'a [Vec<u32>],
    pub(crate) decoding: Decoding<'a>,
}

/// What a training learns from.
#[derive(Debug)]
pub(crate) struct Training<'a> {
    samples: &'a Samples<'a>,
    shared: &'a Shared,
    /// Passes over the samples that an epoch is.
    passes: usize,
    evaluator: Option<&'a Evaluator<'a>>,
    schedule: CosineSchedule,
    seed: u64,
}

impl<'a> Training<'a> {
    /// A training whose learning rate falls over as many epochs as the parameters have.
    pub(crate) fn new(
        samples: &'a Samples<'a>,
        shared: &'a Shared,
        passes: usize,
        evaluator: Option<&'a Evaluator<'a>>,
        seed: u64,
    ) -> Self {
        let steps = shared.epochs * passes * samples.len().div_ceil(shared.batch);
        let schedule = CosineSchedule::new(shared.learning_rate, shared.warmup, steps as u64);
        Self { samples, shared, passes, evaluator, schedule, seed }
    }
}

impl<'a, 'n> EpochTask<Network<'n>> for Training<'a> {
    type Batch = Vec<Sample<'a>>;

    fn batch_count(&self) -> usize {
        self.passes * self.samples.len().div_ceil(self.shared.batch)
    }

    fn batches(&self, epoch: usize) -> impl Iterator<Item = Self::Batch> {
        let first = (epoch - 1) * self.passes + 1;
        let Shared { batch, max_length, .. } = *self.shared;
        (first..first + self.passes).flat_map(move |pass| self.samples.pass(self.seed, pass, batch, max_length))
    }

    fn targets(batch: &Self::Batch) -> usize {
        batch.len()
    }

    fn step(&self, network: &mut Network<'n>, batch: &Self::Batch, step: u64) -> Result<f64> {
        network.step(batch, self.schedule.rate(step - 1))
    }

    fn is_evaluated(&self) -> bool {
        self.evaluator.is_some()
    }

    fn evaluate(&self, network: &mut Network<'n>) -> Result<Option<Quality>> {
        let Some(Evaluator { validation, users, histories, decoding }) = self.evaluator else { return Ok(None) };
        let lists = decoding.rank(network, users, histories)?;
        Ok(Some(validation.measure_lists(&lists.excluded, users.len())))
    }
}
