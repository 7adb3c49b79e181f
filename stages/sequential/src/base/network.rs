//! A model with its weights, spread over several threads in a way that does not depend on their number.

use super::adam::Adam;
use super::negatives::Negatives;
use super::replica::{Part, Replica};
use super::samples::{Sample, question};
use super::store::Store;
use super::stream::{Purpose, stream};
use super::{Dropout, Model, Torch};
use crate::parameters::ModelParameters as _;
use contract::Result;
use nn::{TrainedNetwork, failed};
use rayon::prelude::*;
use tch::{Device, Tensor, no_grad};

/// How many parts a batch has on the CPU, each of which one thread computes: the same for any number of threads, so that sums are
/// made in the same order. On a GPU a batch is one part.
const PARTS: usize = 4;

/// A model in training.
#[derive(Debug)]
pub(crate) struct Network<M: Model> {
    replicas: Vec<Replica<M>>,
    /// The table of items, then the others.
    weights: Vec<Tensor>,
    gradients: Vec<Tensor>,
    adam: Adam,
    dropout: f64,
    seed: u64,
    /// Number of items.
    pub(crate) items: usize,
    max_length: usize,
    dim: usize,
    steps: u64,
}

impl<M: Model> Network<M> {
    /// A network with the first weights of the seed.
    pub(crate) fn new(parameters: &M::Parameters, items: usize, seed: u64, device: Device) -> Result<Self> {
        Self::build(parameters, items, seed, device).map_err(failed("build the model"))
    }

    fn build(parameters: &M::Parameters, items: usize, seed: u64, device: Device) -> Torch<Self> {
        let shared = parameters.shared();
        let mut store = Store::random(stream(seed, Purpose::Weights, 0), device);
        drop(store.table(items + M::EXTRA_ROWS, shared.dim, M::EXTRA_COLUMNS)?);
        drop(M::build(parameters, &mut store)?);
        let parts = if device == Device::Cpu { PARTS } else { 1 };
        let replicas = (0..parts).map(|_| Replica::new(parameters, &store, items)).collect::<Torch<_>>()?;
        let weights: Vec<Tensor> = store.into_weights().into_iter().map(|(_, weight)| weight).collect();
        let gradients = weights.iter().map(Tensor::f_zeros_like).collect::<Torch<_>>()?;
        let adam = Adam::new(&weights, shared.learning_rate)?;
        let (dropout, max_length, dim) = (shared.dropout, shared.max_length, shared.dim);
        Ok(Self { replicas, weights, gradients, adam, dropout, seed, items, max_length, dim, steps: 0 })
    }

    /// Takes a step on a batch and returns its mean loss.
    pub(crate) fn step(&mut self, batch: &[Sample], negatives: &Negatives) -> Result<f64> {
        let loss = self.accumulate(batch, negatives).map_err(failed("compute the gradients"))?;
        if loss.is_finite() {
            self.adam.step(&self.gradients).map_err(failed("update the weights"))?;
        }
        Ok(loss)
    }

    /// Sums up the gradients of a batch and returns its mean loss.
    pub(crate) fn accumulate(&mut self, batch: &[Sample], negatives: &Negatives) -> Torch<f64> {
        self.steps += 1;
        let total: usize = batch.iter().map(|sample| sample.targets.len()).sum();
        let (parts, steps, seed, probability) = (self.replicas.len() as u64, self.steps, self.seed, self.dropout);
        let part = |(number, (replica, samples)): (usize, (&mut Replica<M>, &[Sample]))| {
            let number = steps * parts + number as u64;
            let mut dropout = Dropout::training(probability, stream(seed, Purpose::Dropout, number));
            let mut rng = stream(seed, Purpose::Negatives, u64::MAX - number);
            replica.part(samples, negatives, total as f64, &mut dropout, &mut rng)
        };
        let size = batch.len().div_ceil(self.replicas.len());
        let found: Vec<Part> =
            self.replicas.par_iter_mut().zip(batch.par_chunks(size)).enumerate().map(part).collect::<Torch<_>>()?;
        no_grad(|| {
            self.gradients.iter_mut().try_for_each(|gradient| gradient.f_zero_().map(drop))?;
            found.iter().try_for_each(|part| part.add_to(&mut self.gradients))
        })?;
        Ok(found.iter().map(|part| part.loss).sum())
    }

    /// Writes to `scores` `[histories, items]` how well each item follows each history; `unknown` are the scores after an empty one.
    pub(crate) fn scores(&mut self, histories: &[&[u32]], unknown: &[f32], scores: &mut [f32]) -> Result<()> {
        let size = histories.len().div_ceil(self.replicas.len()).max(1);
        let (items, max_length) = (self.items, self.max_length);
        let mask = M::ASKS_WITH_MASK.then_some(items as u32);
        self.replicas
            .par_iter_mut()
            .zip(histories.par_chunks(size))
            .zip(scores.par_chunks_mut(size * items))
            .try_for_each(|((replica, histories), scores)| {
                let known = histories.iter().filter(|history| !history.is_empty());
                let samples: Vec<Sample> = known.map(|history| question(history, max_length, mask)).collect();
                let mut found = vec![0.0; samples.len() * items];
                if !samples.is_empty() {
                    replica.scores(&samples)?.f_copy_data(&mut found, samples.len() * items)?;
                }
                let mut found = found.chunks_exact(items);
                for (history, scores) in histories.iter().zip(scores.chunks_exact_mut(items)) {
                    let of = if history.is_empty() { None } else { found.next() };
                    scores.copy_from_slice(of.unwrap_or(unknown));
                }
                Ok(())
            })
            .map_err(failed("score the items"))
    }

    /// The gradients of the last batch that was summed up, in the order of the weights.
    #[cfg(test)]
    pub(crate) fn gradients(&self) -> &[Tensor] {
        &self.gradients
    }

    /// `[items, dim]`.
    pub(crate) fn item_embeddings(&self) -> Result<Tensor> {
        let rows = |table: &Tensor| -> Torch<Tensor> {
            table
                .f_detach()?
                .f_narrow(0, 0, self.items as i64)?
                .f_narrow(1, 0, self.dim as i64)?
                .f_contiguous()?
                .f_to_device(Device::Cpu)
        };
        rows(&self.weights[0]).map_err(failed("read the embeddings"))
    }

    /// How many numbers are trained.
    pub(crate) fn size(&self) -> usize {
        self.weights.iter().map(Tensor::numel).sum()
    }
}

impl<M: Model> TrainedNetwork for Network<M> {
    fn copy_weights(&self) -> Result<Vec<Tensor>> {
        self.weights.iter().map(Tensor::f_detach_copy).collect::<Torch<_>>().map_err(failed("copy the weights"))
    }

    fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        let put = |(own, weight): (&mut Tensor, &Tensor)| own.f_copy_(weight);
        no_grad(|| self.weights.iter_mut().zip(weights).try_for_each(put)).map_err(failed("restore the weights"))
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.adam.state()
    }

    fn restore(&mut self, state: &[(String, Tensor)], steps: usize) -> Result<bool> {
        let restored = self.adam.restore(state, steps as i32)?;
        if restored {
            self.steps = steps as u64;
        }
        Ok(restored)
    }
}
