//! The training loop.

use crate::adam::Adam;
use crate::graph::Graph;
use crate::loss::{Objective, Terms};
use crate::ranking::Embeddings;
use crate::sampler::Sampler;
use crate::validation::Validation;
use crate::weights::Weights;
use contract::{Context, Failure, FailureKind, Progress, Result};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::time::Instant;

/// How long and how fast to train.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// The most passes over the training pairs.
    pub epochs: usize,
    /// Triples of a step.
    pub batch: usize,
    /// Learning rate of Adam.
    pub learning_rate: f32,
    /// Epochs from one evaluation to the next.
    pub evaluate_every: usize,
    /// Evaluations in a row without gain after which training stops.
    pub patience: usize,
}

/// The mean loss of the batches of an epoch.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// The whole loss.
    pub loss: f64,
    /// Its terms.
    #[serde(flatten)]
    pub terms: Terms,
}

/// The measure of the validation items after an epoch.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Evaluation {
    /// After which epoch.
    pub epoch: usize,
    /// `NDCG@k`.
    pub ndcg: f64,
}

/// What training came to.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The weights of the best evaluation; of the last epoch where nothing was evaluated.
    pub weights: Weights,
    /// The loss of each epoch.
    pub epochs: Vec<Epoch>,
    /// Steps taken.
    pub steps: usize,
    /// The evaluations, in order.
    pub evaluations: Vec<Evaluation>,
    /// The epoch that the weights are of.
    pub chosen: usize,
}

/// A graph with what is drawn from it and what it is to reach.
#[derive(Debug)]
pub(crate) struct Training<'a> {
    /// The training pairs.
    pub graph: &'a Graph,
    /// Draws triples of them.
    pub sampler: &'a Sampler,
    /// The loss.
    pub objective: &'a Objective,
    /// When to stop, where there is anything to tell it by.
    pub validation: Option<&'a Validation>,
    /// How long and how fast.
    pub schedule: Schedule,
}

/// The evaluations so far, and the best weights.
#[derive(Debug, Default)]
struct Best {
    weights: Option<Weights>,
    at: usize,
    evaluations: Vec<Evaluation>,
}

impl Best {
    /// Notes an evaluation; whether the last `patience` ones brought no gain.
    fn note(&mut self, found: Evaluation, weights: &Weights, patience: usize) -> bool {
        self.evaluations.push(found);
        let latest = self.evaluations.len() - 1;
        if self.weights.is_none() || found.ndcg > self.evaluations[self.at].ndcg {
            (self.weights, self.at) = (Some(weights.clone()), latest);
        }
        latest - self.at >= patience
    }
}

impl Training<'_> {
    /// Trains the weights.
    pub(crate) fn run(&self, mut weights: Weights, rng: &mut ChaCha8Rng, context: &Context) -> Result<Trained> {
        let Schedule { epochs: most, batch, learning_rate, evaluate_every, patience } = self.schedule;
        let mut adam = Adam::new(&weights, learning_rate);
        let batches = self.sampler.batches(batch);
        let progress = context.progress((most * batches) as u64);
        let started = Instant::now();
        let (mut epochs, mut best) = (Vec::with_capacity(most), Best::default());
        for epoch in 1..=most {
            let mut mean = Terms::default();
            for (done, triples) in (1..).zip(self.sampler.epoch(batch, rng)) {
                let (terms, gradient) = self.objective.loss_and_gradient(self.graph, &weights, &triples)?;
                if !terms.total().is_finite() {
                    return Err(self.diverged(epoch, done, &terms));
                }
                adam.step(&mut weights, &gradient);
                mean.add(&terms, 1.0 / batches as f64);
                self.tell(&progress, started, (epoch, done), terms.total());
            }
            epochs.push(Epoch { epoch, loss: mean.total(), terms: mean });
            let is_due = epoch.is_multiple_of(evaluate_every) || epoch == most;
            if let Some(validation) = self.validation.filter(|_| is_due) {
                let found = Evaluation { epoch, ndcg: self.evaluate(validation, &weights)? };
                context.log(format!("epoch {epoch}: loss {:.4}, validation NDCG {:.5}", mean.total(), found.ndcg));
                if best.note(found, &weights, patience) {
                    break;
                }
            }
        }
        let steps = epochs.len() * batches;
        context.log(format!("{steps} steps in {:.0} s", started.elapsed().as_secs_f64()));
        let Best { weights: kept, at, evaluations } = best;
        let chosen = evaluations.get(at).map_or(epochs.len(), |evaluation| evaluation.epoch);
        Ok(Trained { weights: kept.unwrap_or(weights), epochs, steps, evaluations, chosen })
    }

    fn evaluate(&self, validation: &Validation, weights: &Weights) -> Result<f64> {
        let (_, sum) = self.objective.forward(self.graph, weights)?;
        let dim = self.objective.dim;
        let (users, items) = sum.split_at(self.graph.users * dim);
        validation.ndcg(Embeddings { dim, users, items })
    }

    fn tell(&self, progress: &Progress, started: Instant, (epoch, batch): (usize, usize), loss: f64) {
        let (most, batches) = (self.schedule.epochs, self.sampler.batches(self.schedule.batch));
        let done = (epoch - 1) * batches + batch;
        let left = started.elapsed().as_secs_f64() * (most * batches - done) as f64 / done as f64;
        let place = format!("epoch {epoch} of {most}, batch {batch} of {batches}");
        progress.set(done as u64, format!("{place}: loss {loss:.4}, {left:.0} s left"));
    }

    fn diverged(&self, epoch: usize, batch: usize, terms: &Terms) -> Failure {
        let message = format!("the loss of epoch {epoch}, batch {batch} is not a finite number: {terms:?}");
        let rate = self.schedule.learning_rate;
        Failure::new(FailureKind::Diverged, message)
            .hint(format!("take a learning_rate below {rate}, or a higher temperature"))
    }
}
