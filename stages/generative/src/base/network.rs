//! A T5 and its optimizer, spread over several threads in a way that does not depend on their number.

use super::samples::Sample;
use super::stream::{Purpose, stream};
use crate::language::{Language, PAD};
use crate::parameters::Shared;
use contract::{Failure, Result};
use nn::{AdamW, AttentionMask, Dropout, Parameter, T5, T5Config, TrainedNetwork, clip_gradients, failed};
use rayon::prelude::*;
use serde_json::json;
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// How many parts a batch has on the CPU, each of which one thread computes: the same for any number of threads, so that
/// sums are made in the same order. On a GPU a batch is one part.
const PARTS: usize = 4;

/// The largest norm of the gradients of a step.
const LARGEST_NORM: f64 = 1.0;

/// A model in training.
#[derive(Debug)]
pub(crate) struct Network<'a> {
    pub(crate) language: &'a Language,
    pub(crate) replicas: Vec<Replica>,
    optimizer: AdamW,
    dropout: f64,
    seed: u64,
    steps: u64,
}

/// A model whose weights share their memory with those of its siblings, and which takes gradients of its own.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) model: T5,
    parameters: Vec<Parameter>,
}

impl<'a> Network<'a> {
    /// A network with the first weights of the seed.
    pub(crate) fn new(language: &'a Language, shared: &Shared, seed: u64, device: Device) -> Result<Self> {
        let config = config(language, shared)?;
        let parts = if device == Device::Cpu { PARTS } else { 1 };
        let mut replicas = Vec::with_capacity(parts);
        let models: Result<Vec<T5>> =
            nn::with_seed(seed, || (0..parts).map(|_| T5::random(config.clone(), device, Kind::Float)).collect());
        for model in models? {
            let parameters = model.train_all()?;
            replicas.push(Replica { model, parameters });
        }
        if let Some((first, others)) = replicas.split_first_mut() {
            for other in others {
                for (own, shared) in other.parameters.iter_mut().zip(&first.parameters) {
                    no_grad(|| own.tensor.set_data(&shared.tensor.detach()));
                }
            }
        }
        let optimizer = AdamW::new(replicas[0].model.train_all()?, shared.weight_decay)?;
        Ok(Self { language, replicas, optimizer, dropout: shared.dropout, seed, steps: 0 })
    }

    /// Takes a step on a batch at that learning rate and returns its mean loss.
    pub(crate) fn step(&mut self, batch: &[Sample<'_>], rate: f64) -> Result<f64> {
        self.steps += 1;
        let (language, probability, parts) = (self.language, self.dropout, self.replicas.len());
        let (seed, steps, total) = (self.seed, self.steps, batch.len() * language.levels());
        let size = batch.len().div_ceil(parts);
        let losses: Vec<f64> = self
            .replicas
            .par_iter_mut()
            .zip(batch.par_chunks(size))
            .enumerate()
            .map(|(number, (replica, samples))| {
                let rng = stream(seed, Purpose::Dropout, steps * parts as u64 + number as u64);
                replica.backward(language, samples, total, &mut Dropout::training(probability, rng))
            })
            .collect::<Result<_>>()?;
        let loss = losses.iter().sum::<f64>();
        if loss.is_finite() {
            self.sum_gradients().map_err(failed("sum the gradients"))?;
            clip_gradients(self.optimizer.parameters(), LARGEST_NORM)?;
            self.optimizer.step(rate)?;
        }
        Ok(loss)
    }

    /// Adds the gradients of all replicas to those of the first, in order, and clears them.
    fn sum_gradients(&mut self) -> std::result::Result<(), TchError> {
        let Some((first, others)) = self.replicas.split_first_mut() else { return Ok(()) };
        no_grad(|| {
            for other in others {
                for (sum, own) in first.parameters.iter().zip(&other.parameters) {
                    let mut gradient = own.tensor.f_grad()?;
                    if gradient.defined() {
                        drop(sum.tensor.f_grad()?.f_add_(&gradient)?);
                        drop(gradient.f_zero_()?);
                    }
                }
            }
            Ok(())
        })
    }

    /// How many numbers are trained.
    pub(crate) fn size(&self) -> usize {
        self.replicas[0].parameters.iter().map(|one| one.tensor.numel()).sum()
    }
}

impl TrainedNetwork for Network<'_> {
    fn copy_weights(&self) -> Result<Vec<Tensor>> {
        let weights = self.replicas[0].parameters.iter();
        weights
            .map(|one| one.tensor.f_detach_copy())
            .collect::<std::result::Result<_, _>>()
            .map_err(failed("copy the weights"))
    }

    fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        let own = self.replicas[0].parameters.iter_mut();
        no_grad(|| own.zip(weights).try_for_each(|(own, weight)| own.tensor.f_copy_(weight)))
            .map_err(failed("restore the weights"))
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.optimizer.state()
    }

    fn restore(&mut self, state: &[(String, Tensor)], steps: usize) -> Result<bool> {
        let restored = self.optimizer.restore(state, steps as i32)?;
        if restored {
            self.steps = steps as u64;
        }
        Ok(restored)
    }
}

impl Replica {
    /// Adds the gradients of these samples, as a part of a batch with `total` target tokens; returns their part of its loss.
    fn backward(
        &mut self,
        language: &Language,
        samples: &[Sample<'_>],
        total: usize,
        dropout: &mut Dropout,
    ) -> Result<f64> {
        let histories: Vec<(u32, &[u32])> = samples.iter().map(|sample| (sample.user, sample.history)).collect();
        let (source, mask) = self.source(language, &histories)?;
        let targets: Vec<i64> = samples.iter().flat_map(|sample| language.item(sample.target)).copied().collect();
        let levels = language.levels();
        let starts =
            targets.chunks(levels).flat_map(|item| std::iter::once(PAD).chain(item[..levels - 1].iter().copied()));
        let target = self.rows(&starts.collect::<Vec<_>>(), samples.len())?;
        let labels = self.rows(&targets, samples.len())?;
        let positions: Vec<i64> = (0..levels as i64).collect();
        let memory = self.model.remember(&self.model.encode(&source, &mask, dropout)?, &mask)?;
        let hidden = self.model.decode(&target, &positions, &AttentionMask::Causal, &memory, None, dropout)?;
        let logits = self.model.logits(&hidden)?;
        let descend = || -> std::result::Result<f64, TchError> {
            let (logits, labels) = (logits.f_flatten(0, 1)?, labels.f_flatten(0, 1)?);
            let loss = logits.f_cross_entropy_loss(&labels, None::<&Tensor>, tch::Reduction::Sum, -100, 0.0)?;
            let loss = loss.f_div_scalar(total as f64)?;
            loss.f_backward()?;
            f64::try_from(&loss)
        };
        descend().map_err(failed("compute the gradients"))
    }

    /// Histories as tokens `[B, S]`, and the mask `[B, 1, 1, S]` of what is not padding.
    pub(crate) fn source(&self, language: &Language, histories: &[(u32, &[u32])]) -> Result<(Tensor, Tensor)> {
        let rows: Vec<Vec<i64>> = histories.iter().map(|&(user, history)| language.history(user, history)).collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(PAD, width - row.len())));
        let ids = self.rows(&padded.collect::<Vec<_>>(), rows.len())?;
        let mask = ids.f_not_equal(PAD).and_then(|mask| mask.f_view([rows.len() as i64, 1, 1, width as i64]));
        Ok((ids, mask.map_err(failed("mask the padding"))?))
    }

    /// An i64 matrix of that many rows on the model's device.
    pub(crate) fn rows(&self, values: &[i64], rows: usize) -> Result<Tensor> {
        Tensor::f_from_slice(values)
            .and_then(|values| values.f_view([rows as i64, -1])?.f_to_device(self.model.device()))
            .map_err(failed("move tokens to the device"))
    }
}

fn config(language: &Language, shared: &Shared) -> Result<T5Config> {
    serde_json::from_value(json!({
        "model_type": "t5", "vocab_size": language.vocabulary(), "d_model": shared.dim, "d_kv": shared.head_dim,
        "d_ff": shared.inner_dim, "num_layers": shared.layers, "num_heads": shared.heads,
        "dropout_rate": shared.dropout, "pad_token_id": PAD, "decoder_start_token_id": PAD,
    }))
    .map_err(|error| Failure::other("set up the model", error))
}
