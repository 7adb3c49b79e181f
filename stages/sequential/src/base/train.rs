//! The training loop.

use super::Model;
use super::evaluation::Evaluator;
use super::negatives::NegativeSampler;
use super::network::Network;
use super::samples::Samples;
use super::stream::{Purpose, stream};
use crate::parameters::Shared;
use contract::{Context, Failure, FailureKind, Result};
use nn::{TrainingCheckpoints, TrainingState};
use recommender::{EarlyStopping, Evaluated};
use serde::Serialize;
use std::time::Instant;
use tch::Tensor;

/// The mean loss of an epoch's targets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Epoch {
    pub(crate) epoch: usize,
    pub(crate) loss: f64,
}

/// The NDCG@10 of the held-out items after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Evaluation {
    pub(crate) epoch: usize,
    pub(crate) ndcg: f64,
}

/// How a training went.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) evaluations: Vec<Evaluation>,
    /// The epoch whose weights the network has.
    pub(crate) chosen: usize,
    pub(crate) steps: usize,
}

/// What a training learns from.
#[derive(Debug)]
pub(crate) struct Training<'a> {
    pub(crate) samples: &'a Samples<'a>,
    pub(crate) negatives: &'a NegativeSampler,
    pub(crate) shared: &'a Shared,
    /// What it is called in messages.
    pub(crate) name: &'a str,
}

impl Training<'_> {
    /// Trains for at most `most` epochs; with an evaluator the weights of the best evaluation are kept, and training ends when
    /// none was better for long.
    pub(crate) fn run<M: Model>(
        &self,
        network: &mut Network<M>,
        most: usize,
        evaluator: Option<&Evaluator<'_>>,
        context: &Context,
    ) -> Result<Trained> {
        let batches = self.samples.len().div_ceil(self.shared.batch);
        let progress = context.progress((most * batches) as u64);
        let started = Instant::now();
        let mut checkpoints = TrainingCheckpoints::of(context).named(&self.name.replace(' ', "-"));
        let (mut epochs, mut stopping) = match checkpoints.read(context) {
            Some(state) => self.go_on(&state, network, most, evaluator.is_some(), context)?,
            None => self.beginning(),
        };
        let before = epochs.len();
        for epoch in before + 1..=most {
            if stopping.is_over() {
                break;
            }
            let (mut sum, mut targets) = (0.0, 0);
            for (number, batch) in (1..).zip(self.samples.epoch(context.seed(), epoch, self.shared.batch)) {
                let step = ((epoch - 1) * batches + number) as u64;
                let negatives = self.negatives.draw(&mut stream(context.seed(), Purpose::Negatives, step));
                let loss = network.step(&batch, &negatives)?;
                if !loss.is_finite() {
                    return Err(self.diverged(epoch, number, loss));
                }
                let count: usize = batch.iter().map(|sample| sample.targets.len()).sum();
                (sum, targets) = (sum + loss * count as f64, targets + count);
                let done = step - (before * batches) as u64;
                let left = started.elapsed().as_secs_f64() / done as f64 * ((most * batches) as f64 - step as f64);
                let place = format!("{}, epoch {epoch} of at most {most}, batch {number} of {batches}", self.name);
                progress.set(step, format!("{place}: loss {loss:.4}, at most {left:.0} s left"));
            }
            let loss = sum / targets as f64;
            epochs.push(Epoch { epoch, loss });
            if let Some(evaluator) = evaluator.filter(|_| self.is_due(epoch, most)) {
                let quality = evaluator.measure(network)?;
                let (ndcg, hr) = (quality.ndcg, quality.hr);
                context.log(format!("{}, epoch {epoch}: loss {loss:.4}, NDCG@10 {ndcg:.5}, HR@10 {hr:.5}", self.name));
                stopping.add(Evaluated { epoch, value: ndcg }, || network.copy_weights())?;
            }
            if checkpoints.is_due() && epoch < most {
                checkpoints.write(&state(&epochs, &stopping, network), context);
            }
        }
        if evaluator.is_some() {
            // So that a run that goes on does not choose again.
            checkpoints.write(&state(&epochs, &stopping, network), context);
        }
        let steps = epochs.len() * batches;
        let own = steps - before * batches;
        context.log(format!("{}: {own} steps in {:.0} s", self.name, started.elapsed().as_secs_f64()));
        let evaluation = |found: &Evaluated| Evaluation { epoch: found.epoch, ndcg: found.value };
        let evaluations = stopping.evaluations().iter().map(evaluation).collect();
        let chosen = stopping.best().map_or(epochs.len(), |best| best.epoch);
        if let Some(weights) = stopping.into_best_weights() {
            network.set_weights(&weights)?;
        }
        Ok(Trained { epochs, evaluations, chosen, steps })
    }

    /// Where a training begins: no epochs, no evaluations.
    fn beginning(&self) -> (Vec<Epoch>, EarlyStopping<Vec<Tensor>>) {
        (Vec::new(), EarlyStopping::new(self.shared.patience))
    }

    /// The epochs and evaluations of a checkpoint, from which the network goes on; the beginning where it is of another training.
    fn go_on<M: Model>(
        &self,
        state: &TrainingState,
        network: &mut Network<M>,
        most: usize,
        is_evaluated: bool,
        context: &Context,
    ) -> Result<(Vec<Epoch>, EarlyStopping<Vec<Tensor>>)> {
        let epochs: Vec<Epoch> = (1..).zip(&state.losses).map(|(epoch, &loss)| Epoch { epoch, loss }).collect();
        let steps = epochs.len() * self.samples.len().div_ceil(self.shared.batch);
        let due = (1..=epochs.len()).filter(|&epoch| is_evaluated && self.is_due(epoch, most));
        let evaluations: Vec<Evaluated> =
            due.zip(&state.validation).map(|(epoch, &value)| Evaluated { epoch, value }).collect();
        let fits = evaluations.len() == state.validation.len() && epochs.len() <= most;
        let stopping = EarlyStopping::behind(self.shared.patience, evaluations, state.best_weights());
        match stopping.filter(|_| fits) {
            Some(stopping) if network.restore(&state.tensors, steps)? => {
                context.log(format!("{}: going on behind epoch {}", self.name, epochs.len()));
                Ok((epochs, stopping))
            }
            _ => {
                context.log("the checkpoint is one of another training, so training begins again");
                Ok(self.beginning())
            }
        }
    }

    /// Whether held-out items are ranked after an epoch.
    fn is_due(&self, epoch: usize, most: usize) -> bool {
        epoch.is_multiple_of(self.shared.evaluate_every) || epoch == most
    }

    fn diverged(&self, epoch: usize, batch: usize, loss: f64) -> Failure {
        let message =
            format!("{}: the loss of epoch {epoch}, batch {batch} is {loss}, expected a finite number", self.name);
        Failure::new(FailureKind::Diverged, message)
            .hint(format!("set learning_rate below {}", self.shared.learning_rate))
    }
}

/// Where a training stands between two epochs.
fn state<M: Model>(epochs: &[Epoch], stopping: &EarlyStopping<Vec<Tensor>>, network: &Network<M>) -> TrainingState {
    let losses = epochs.iter().map(|epoch| epoch.loss).collect();
    let validation = stopping.evaluations().iter().map(|found| found.value).collect();
    TrainingState::of_epochs(losses, validation, stopping.best_weights().map(Vec::as_slice), network.state())
}
