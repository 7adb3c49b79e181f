//! The training loop.

use crate::adam::Adam;
use crate::graph::Graph;
use crate::loss::{Objective, Terms};
use crate::sampler::Sampler;
use crate::weights::Weights;
use contract::{Context, Failure, FailureKind, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use std::time::Instant;

/// How long and how fast to train.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Passes of as many triples as there are training pairs.
    pub epochs: usize,
    /// Triples of a step.
    pub batch: usize,
    /// Learning rate of Adam.
    pub learning_rate: f32,
    /// Number of intents.
    pub intents: usize,
    /// Seed of the weights and of the batches.
    pub seed: u64,
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

/// Trains the weights on the graph's pairs and returns them with the loss of each epoch.
pub(crate) fn train(
    graph: &Graph,
    sampler: &Sampler,
    objective: &Objective,
    schedule: &Schedule,
    context: &Context,
) -> Result<(Weights, Vec<Epoch>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(schedule.seed);
    let mut weights = Weights::xavier_normal(graph.users, graph.items, objective.dim, schedule.intents, &mut rng);
    let mut adam = Adam::new(&weights, schedule.learning_rate);
    let batches = sampler.pairs().div_ceil(schedule.batch);
    let progress = context.progress((schedule.epochs * batches) as u64);
    let started = Instant::now();
    let mut curve = Vec::with_capacity(schedule.epochs);
    for epoch in 1..=schedule.epochs {
        let mut mean = Terms::default();
        for batch in 1..=batches {
            let triples = sampler.draw(schedule.batch, &mut rng);
            let (terms, gradient) = objective.loss_and_gradient(graph, &weights, &triples)?;
            if !terms.total().is_finite() {
                return Err(diverged(epoch, batch, schedule, &terms));
            }
            adam.step(&mut weights, &gradient);
            mean.add(&terms, 1.0 / batches as f64);
            let done = (epoch - 1) * batches + batch;
            let left = started.elapsed().as_secs_f64() * (schedule.epochs * batches - done) as f64 / done as f64;
            let loss = terms.total();
            progress.set(
                done as u64,
                format!(
                    "epoch {epoch} of {}, batch {batch} of {batches}: loss {loss:.4}, {left:.0} s left",
                    schedule.epochs
                ),
            );
        }
        curve.push(Epoch { epoch, loss: mean.total(), terms: mean });
    }
    context.log(format!("{} steps in {:.0} s", schedule.epochs * batches, started.elapsed().as_secs_f64()));
    Ok((weights, curve))
}

fn diverged(epoch: usize, batch: usize, schedule: &Schedule, terms: &Terms) -> Failure {
    let message = format!("the loss of epoch {epoch}, batch {batch} is not a finite number: {terms:?}");
    let rate = schedule.learning_rate;
    Failure::new(FailureKind::Diverged, message)
        .hint(format!("take a learning_rate below {rate}, or a higher temperature"))
}
