//! Training epoch by epoch: until none of several epochs was better on held-out items, and from a checkpoint on where there is one.

use crate::training_checkpoint::{TrainingCheckpoints, TrainingState};
use contract::{Context, Failure, FailureKind, Result};
use recommender::{EarlyStopping, Evaluated, Quality};
use serde::Serialize;
use std::time::Instant;
use tch::Tensor;

/// How many passes over the samples an epoch is, so that it has at least `epoch_steps` steps: epochs are counted to end a training, and of a
/// small set one pass teaches next to nothing.
#[must_use]
pub fn passes_of_epoch(samples: usize, batch: usize, epoch_steps: usize) -> usize {
    epoch_steps.div_ceil(samples.div_ceil(batch.max(1)).max(1)).max(1)
}

/// The mean loss of an epoch's targets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// The mean loss.
    pub loss: f64,
}

/// The NDCG of the held-out items after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evaluation {
    /// Its number, from 1.
    pub epoch: usize,
    /// The NDCG.
    pub ndcg: f64,
}

/// How a training went.
#[derive(Debug)]
pub struct Trained {
    /// All epochs.
    pub epochs: Vec<Epoch>,
    /// The epochs that were evaluated.
    pub evaluations: Vec<Evaluation>,
    /// The epoch whose weights the network has.
    pub chosen: usize,
    /// Of all epochs.
    pub steps: usize,
}

/// A network whose training can be stopped between two epochs.
pub trait TrainedNetwork {
    /// Copies of the weights.
    ///
    /// # Errors
    /// When the device has too little memory.
    fn copy_weights(&self) -> Result<Vec<Tensor>>;

    /// Puts copies of weights back.
    ///
    /// # Errors
    /// When they are not of this network.
    fn set_weights(&mut self, weights: &[Tensor]) -> Result<()>;

    /// All that a later network needs to go on as this one.
    fn state(&self) -> Vec<(String, Tensor)>;

    /// Goes on from the state of a network that had made that many steps. Says whether it is one of this network; if not, nothing is
    /// changed.
    ///
    /// # Errors
    /// When the tensors cannot be copied.
    fn restore(&mut self, state: &[(String, Tensor)], steps: usize) -> Result<bool>;
}

/// What a network learns in an epoch, and what it is measured by.
pub trait EpochTask<N: TrainedNetwork> {
    /// What a step learns.
    type Batch;

    /// How many batches an epoch has.
    fn batch_count(&self) -> usize;

    /// Those of an epoch.
    fn batches(&self, epoch: usize) -> impl Iterator<Item = Self::Batch>;

    /// How many targets a batch has.
    fn targets(batch: &Self::Batch) -> usize;

    /// Learns a batch in that step, counted from 1; gives the mean loss.
    ///
    /// # Errors
    /// When the device has too little memory.
    fn step(&self, network: &mut N, batch: &Self::Batch, step: u64) -> Result<f64>;

    /// Whether there are held-out items.
    fn is_evaluated(&self) -> bool;

    /// The measure of the held-out items; `None` where there are none.
    ///
    /// # Errors
    /// When the device has too little memory.
    fn evaluate(&self, network: &mut N) -> Result<Option<Quality>>;
}

/// How long a training goes on.
#[derive(Debug)]
pub struct Epochs<'a> {
    /// What it is called in messages; its checkpoints are in a folder of that name.
    pub name: &'a str,
    /// How many epochs it has at most.
    pub most: usize,
    /// Held-out items are ranked after each so many epochs, and after the last one.
    pub evaluate_every: usize,
    /// It ends after so many evaluations that are not better than the best one.
    pub patience: usize,
    /// What to go below where the loss is no number any more.
    pub learning_rate: f64,
}

/// The epochs so far, and their evaluations.
type Course = (Vec<Epoch>, EarlyStopping<Vec<Tensor>>);

impl Epochs<'_> {
    /// Trains a network; where there are held-out items it ends with the weights of the best evaluation.
    ///
    /// # Errors
    /// [`FailureKind::Diverged`] when the loss is no number any more.
    pub fn train<N: TrainedNetwork, T: EpochTask<N>>(
        &self,
        task: &T,
        network: &mut N,
        context: &Context,
    ) -> Result<Trained> {
        let (name, most, batches) = (self.name, self.most, task.batch_count());
        let progress = context.progress((most * batches) as u64);
        let started = Instant::now();
        let mut checkpoints = TrainingCheckpoints::of(context).named(&name.replace(' ', "-"));
        let (mut epochs, mut stopping) = match checkpoints.read(context) {
            Some(state) => self.go_on(&state, task, network, context)?,
            None => self.beginning(),
        };
        let before = epochs.len();
        for epoch in before + 1..=most {
            if stopping.is_over() {
                break;
            }
            let (mut sum, mut targets) = (0.0, 0);
            for (number, batch) in (1..).zip(task.batches(epoch)) {
                let step = ((epoch - 1) * batches + number) as u64;
                let loss = task.step(network, &batch, step)?;
                if !loss.is_finite() {
                    return Err(self.diverged(epoch, number, loss));
                }
                let count = T::targets(&batch);
                (sum, targets) = (sum + loss * count as f64, targets + count);
                let done = step - (before * batches) as u64;
                let left = started.elapsed().as_secs_f64() / done as f64 * ((most * batches) as f64 - step as f64);
                let place = format!("{name}, epoch {epoch} of at most {most}, batch {number} of {batches}");
                progress.set(step, format!("{place}: loss {loss:.4}, at most {left:.0} s left"));
            }
            let loss = sum / targets as f64;
            epochs.push(Epoch { epoch, loss });
            if self.is_due(epoch)
                && let Some(Quality { ndcg, hr }) = task.evaluate(network)?
            {
                context.log(format!("{name}, epoch {epoch}: loss {loss:.4}, NDCG@10 {ndcg:.5}, HR@10 {hr:.5}"));
                stopping.add(Evaluated { epoch, value: ndcg }, || network.copy_weights())?;
            }
            if checkpoints.is_due() && epoch < most {
                checkpoints.write(&state(&epochs, &stopping, network), context);
            }
        }
        if task.is_evaluated() {
            // So that a run that goes on does not choose again.
            checkpoints.write(&state(&epochs, &stopping, network), context);
        }
        let steps = epochs.len() * batches;
        let own = steps - before * batches;
        context.log(format!("{name}: {own} steps in {:.0} s", started.elapsed().as_secs_f64()));
        let evaluation = |found: &Evaluated| Evaluation { epoch: found.epoch, ndcg: found.value };
        let evaluations = stopping.evaluations().iter().map(evaluation).collect();
        let chosen = stopping.best().map_or(epochs.len(), |best| best.epoch);
        if let Some(weights) = stopping.into_best_weights() {
            network.set_weights(&weights)?;
        }
        Ok(Trained { epochs, evaluations, chosen, steps })
    }

    /// Where a training begins: no epochs, no evaluations.
    fn beginning(&self) -> Course {
        (Vec::new(), EarlyStopping::new(self.patience))
    }

    /// The epochs and evaluations of a checkpoint, from which the network goes on; the beginning where it is of another training.
    fn go_on<N: TrainedNetwork>(
        &self,
        state: &TrainingState,
        task: &impl EpochTask<N>,
        network: &mut N,
        context: &Context,
    ) -> Result<Course> {
        let epochs: Vec<Epoch> = (1..).zip(&state.losses).map(|(epoch, &loss)| Epoch { epoch, loss }).collect();
        let due: Vec<usize> = (1..=epochs.len()).filter(|&epoch| task.is_evaluated() && self.is_due(epoch)).collect();
        let fits = due.len() == state.validation.len() && epochs.len() <= self.most;
        let evaluated = due.into_iter().zip(&state.validation).map(|(epoch, &value)| Evaluated { epoch, value });
        let stopping = EarlyStopping::behind(self.patience, evaluated.collect(), state.best_weights());
        match stopping.filter(|_| fits) {
            Some(stopping) if network.restore(&state.tensors, epochs.len() * task.batch_count())? => {
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
    fn is_due(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.evaluate_every) || epoch == self.most
    }

    fn diverged(&self, epoch: usize, batch: usize, loss: f64) -> Failure {
        let message =
            format!("{}: the loss of epoch {epoch}, batch {batch} is {loss}, expected a finite number", self.name);
        Failure::new(FailureKind::Diverged, message).hint(format!("set learning_rate below {}", self.learning_rate))
    }
}

/// Where a training stands between two epochs.
fn state(epochs: &[Epoch], stopping: &EarlyStopping<Vec<Tensor>>, network: &impl TrainedNetwork) -> TrainingState {
    let losses = epochs.iter().map(|epoch| epoch.loss).collect();
    let validation = stopping.evaluations().iter().map(|found| found.value).collect();
    TrainingState::of_epochs(losses, validation, stopping.best_weights().map(Vec::as_slice), network.state())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_of_few_samples_is_several_passes() {
        assert_eq!(passes_of_epoch(12_800, 128, 100), 1);
        assert_eq!(passes_of_epoch(12_672, 128, 100), 2);
        assert_eq!(passes_of_epoch(300, 128, 100), 34);
        assert_eq!(passes_of_epoch(300, 128, 1), 1);
        assert_eq!(passes_of_epoch(0, 128, 7), 7);
    }
}
