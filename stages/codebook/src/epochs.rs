//! The epochs and batches by which every form of codebook learns, and their losses.

use crate::parameters::Parameters;
use contract::{Context, Failure, FailureKind, Result};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// The mean losses of an epoch, per item and summed over levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Losses {
    /// L^B, in units of the embeddings' mean square.
    pub behaviour: f64,
    /// L^L, without its weight.
    pub llm: f64,
}

/// What learns from items, a batch at a time.
pub(crate) trait Learner {
    /// One step on the items at these places; returns their mean losses.
    fn step(&mut self, batch: &[usize]) -> Result<Losses>;

    /// What is put right at the end of an epoch.
    fn end_epoch(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Lets `learner` learn from the items of `order` in every epoch, in an order drawn anew; returns the losses by epoch.
pub(crate) fn learn(
    learner: &mut impl Learner,
    mut order: Vec<usize>,
    parameters: &Parameters,
    rng: &mut ChaCha8Rng,
    context: &Context,
) -> Result<Vec<Losses>> {
    let progress = context.progress(parameters.epochs as u64);
    let mut curve = Vec::with_capacity(parameters.epochs);
    for epoch in 1..=parameters.epochs {
        order.shuffle(rng);
        let mut mean = Losses::default();
        for batch in order.chunks(parameters.batch) {
            mean.add(learner.step(batch)?, batch.len() as f64 / order.len() as f64);
        }
        mean.check(epoch)?;
        learner.end_epoch()?;
        progress.set(epoch as u64, format!("behaviour loss {:.4}, llm loss {:.4}", mean.behaviour, mean.llm));
        curve.push(mean);
    }
    Ok(curve)
}

impl Losses {
    /// Adds the losses of that fraction of the items.
    fn add(&mut self, part: Self, ratio: f64) {
        self.behaviour += ratio * part.behaviour;
        self.llm += ratio * part.llm;
    }

    /// Refuses losses that are no numbers.
    fn check(self, epoch: usize) -> Result<()> {
        if (self.behaviour + self.llm).is_finite() {
            return Ok(());
        }
        let message = format!("the loss of epoch {epoch} is not a finite number: {self:?}");
        Err(Failure::new(FailureKind::Diverged, message).hint("take a lower learning_rate"))
    }
}
