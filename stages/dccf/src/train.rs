//! The training loop.

use crate::graph::Graph;
use crate::loss::{Objective, Terms};
use crate::model::Model;
use crate::ranking::FinalEmbeddings;
use crate::sampler::Sampler;
use crate::weights::Weights;
use contract::{Context, Failure, FailureKind, Progress, Result};
use rand_chacha::ChaCha8Rng;
use recommender::{EarlyStopping, Evaluated, Validation};
use serde::Serialize;
use std::time::Instant;
use tch::Device;

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
    /// What it is called in messages.
    pub name: &'a str,
    /// How long and how fast.
    pub schedule: Schedule,
    /// Where to train.
    pub device: Device,
}

impl Training<'_> {
    /// Trains the weights.
    pub(crate) fn run(&self, weights: Weights, rng: &mut ChaCha8Rng, context: &Context) -> Result<Trained> {
        let Schedule { epochs: most, batch, learning_rate, evaluate_every, patience } = self.schedule;
        let mut model = Model::new(self.graph, self.objective, weights, learning_rate, self.device)?;
        let batches = self.sampler.batches(batch);
        let progress = context.progress((most * batches) as u64);
        let started = Instant::now();
        let (mut epochs, mut stopping) = (Vec::with_capacity(most), EarlyStopping::new(patience));
        for epoch in 1..=most {
            let mut mean = Terms::default();
            for (done, triples) in (1..).zip(self.sampler.epoch(batch, rng)) {
                let terms = model.step(&triples)?;
                if !terms.total().is_finite() {
                    return Err(self.diverged(epoch, done, &terms));
                }
                mean.add(&terms, 1.0 / batches as f64);
                self.tell(&progress, started, (epoch, done), terms.total());
            }
            epochs.push(Epoch { epoch, loss: mean.total(), terms: mean });
            let is_due = epoch.is_multiple_of(evaluate_every) || epoch == most;
            if let Some(validation) = self.validation.filter(|_| is_due) {
                let ndcg = self.evaluate(validation, &model)?;
                context.log(format!("{}, epoch {epoch}: loss {:.4}, NDCG@10 {ndcg:.5}", self.name, mean.total()));
                if stopping.add(Evaluated { epoch, value: ndcg }, || model.weights())? {
                    break;
                }
            }
        }
        let steps = epochs.len() * batches;
        context.log(format!("{}: {steps} steps in {:.0} s", self.name, started.elapsed().as_secs_f64()));
        let chosen = stopping.best().map_or(epochs.len(), |best| best.epoch);
        let evaluation = |found: &Evaluated| Evaluation { epoch: found.epoch, ndcg: found.value };
        let evaluations = stopping.evaluations().iter().map(evaluation).collect();
        let weights = stopping.into_best_weights().map_or_else(|| model.weights(), Ok)?;
        Ok(Trained { weights, epochs, steps, evaluations, chosen })
    }

    fn evaluate(&self, validation: &Validation, model: &Model<'_>) -> Result<f64> {
        let sum = model.embeddings()?;
        let dim = self.objective.dim;
        let (users, items) = sum.split_at(self.graph.users * dim);
        Ok(validation.measure(&FinalEmbeddings { dim, users, items })?.ndcg)
    }

    fn tell(&self, progress: &Progress, started: Instant, (epoch, batch): (usize, usize), loss: f64) {
        let (most, batches) = (self.schedule.epochs, self.sampler.batches(self.schedule.batch));
        let done = (epoch - 1) * batches + batch;
        let left = started.elapsed().as_secs_f64() * (most * batches - done) as f64 / done as f64;
        let place = format!("{}, epoch {epoch} of at most {most}, batch {batch} of {batches}", self.name);
        progress.set(done as u64, format!("{place}: loss {loss:.4}, at most {left:.0} s left"));
    }

    fn diverged(&self, epoch: usize, batch: usize, terms: &Terms) -> Failure {
        let message =
            format!("{}: the loss of epoch {epoch}, batch {batch} is not a finite number: {terms:?}", self.name);
        let rate = self.schedule.learning_rate;
        Failure::new(FailureKind::Diverged, message)
            .hint(format!("take a learning_rate below {rate}, or a higher temperature"))
    }
}
