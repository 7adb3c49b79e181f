//! `encoder_decoder`: codes of what an encoder makes of an embedding, from which a decoder makes it again (Table 3, "ED").
//! This is the RQ-VAE of Rajput et al. (2023) with the settings of LC-Rec (Zheng et al. 2023).
//!
//! With `E^0 = encoder(x)` and Eq. 1 and 2 as they are, `q` is the sum of the chosen codes. The decoder gets q, and its
//! gradient goes straight on to the encoder. sg means that no gradient passes. The loss is
//!
//! `mse(decoder(q), x) + mean_n (mse(B^n, sg(E^n)) + β mse(sg(B^n), E^n)) + alignment_weight × L^L`.

use crate::alignment::{Map, cosine_distance};
use crate::epochs::{Learner, Losses, learn};
use crate::kmeans::initial_codes;
use crate::layers::{Layers, trained};
use crate::parameters::Parameters;
use crate::projection::Linear;
use crate::rows::Rows;
use crate::tokenize::codes_in_training;
use crate::train::{indices, places};
use contract::{Context, Result};
use nn::{AdamW, Parameter, clip_gradients, failed};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tch::{Reduction, TchError, Tensor};

/// β: what the encoder is drawn to its codes by.
const COMMITMENT: f64 = 0.25;
const WEIGHT_DECAY: f64 = 1e-4;

/// The norm that all gradients together may have.
const CLIP: f64 = 1.0;

/// Ratio of the steps in which the learning rate rises: LC-Rec's 50 of 10,000 epochs.
const WARMUP: f64 = 0.005;

/// What training yields, for embeddings in the scale that it was given.
#[derive(Debug)]
pub(crate) struct Autoencoder {
    /// `[n, d]` to `[n, code_dim]`.
    pub encoder: Layers,
    /// Back again.
    pub decoder: Layers,
    /// The codes of each level, `[C, code_dim]`.
    pub levels: Vec<Rows>,
    /// The map from text embeddings, where there is one.
    pub projection: Option<Linear>,
    /// The losses of each epoch.
    pub curve: Vec<Losses>,
}

/// An autoencoder under training.
struct Training<'a> {
    items: &'a Rows,
    text: Option<Tensor>,
    parameters: &'a Parameters,
    encoder: Layers,
    decoder: Layers,
    levels: Vec<Tensor>,
    map: Option<Map>,
    optimizer: AdamW,
    /// How many steps all epochs have.
    steps: f64,
}

/// Trains on the items' embeddings, and on their text embeddings where given; both at a mean square of 1.
pub(crate) fn train(
    items: &Rows,
    text: Option<&Rows>,
    parameters: &Parameters,
    context: &Context,
) -> Result<Autoencoder> {
    let mut rng = ChaCha8Rng::seed_from_u64(context.seed());
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.shuffle(&mut rng);
    let mut training = Training::start(items, text, &order, parameters, &mut rng)?;
    let curve = learn(&mut training, order, parameters, &mut rng, context)?;
    let Training { encoder, decoder, levels, map, .. } = training;
    let levels = levels.iter().map(|level| Rows::of(&level.detach())).collect::<Result<_>>()?;
    Ok(Autoencoder { encoder, decoder, levels, projection: map.map(Map::into_linear), curve })
}

/// The factor of the learning rate at a step, counted from 0: linear up to 1, and linear down to 0 at the end.
fn rate(step: f64, steps: f64) -> f64 {
    let warmup = (WARMUP * steps).ceil();
    if step < warmup { (step + 1.0) / warmup } else { (steps - step) / (steps - warmup) }
}

impl Learner for Training<'_> {
    fn step(&mut self, batch: &[usize]) -> Result<Losses> {
        let losses = self.descend(batch)?;
        clip_gradients(self.optimizer.parameters(), CLIP)?;
        self.optimizer.step(self.parameters.learning_rate * rate(f64::from(self.optimizer.steps()), self.steps))?;
        Ok(losses)
    }
}

impl<'a> Training<'a> {
    /// Random layers, and codes that are the k-means centres of what the encoder makes of the first items of `order`.
    fn start(
        items: &'a Rows,
        text: Option<&Rows>,
        order: &[usize],
        parameters: &'a Parameters,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let mut sizes = vec![items.dim];
        sizes.extend(&parameters.hidden);
        sizes.push(parameters.code_dim);
        let encoder = Layers::random(&sizes, rng)?;
        sizes.reverse();
        let decoder = Layers::random(&sizes, rng)?;
        let encoded = encoder.map(items)?;
        let first = initial_codes(&encoded.select(&order[..parameters.kmeans_batch.min(order.len())]), parameters, rng);
        let levels = first.iter().map(|codes| trained(&codes.tensor()?)).collect::<Result<Vec<_>>>()?;
        let map = Map::start(text, &encoded, parameters, rng)?;
        let text = text.map(Rows::tensor).transpose()?;
        let optimizer = AdamW::new(named(&encoder, &decoder, &levels, map.as_ref()), WEIGHT_DECAY)?;
        let steps = (items.len().div_ceil(parameters.batch) * parameters.epochs) as f64;
        Ok(Self { items, text, parameters, encoder, decoder, levels, map, optimizer, steps })
    }

    /// Leaves the gradients of a batch's loss.
    fn descend(&self, batch: &[usize]) -> Result<Losses> {
        let (at, rows) = (places(batch)?, self.items.select(batch).tensor()?);
        let encoded = self.encoder.apply(&rows).map_err(failed("encode items"))?;
        let levels = self.levels.iter().map(|level| Rows::of(&level.detach())).collect::<Result<Vec<_>>>()?;
        let codes = codes_in_training(&Rows::of(&encoded.detach())?, &levels, self.parameters.last_level);
        let codes = codes.levels.iter().map(|codes| indices(codes)).collect::<Result<Vec<_>>>()?;
        let descend = || -> std::result::Result<Losses, TchError> {
            let target = match (&self.text, &self.map) {
                (Some(text), Some(map)) => Some(map.apply(&text.f_index_select(0, &at)?)?),
                _ => None,
            };
            let mut input = encoded.shallow_clone();
            let (mut quantization, mut llm) = (Tensor::from(0.0_f32), Tensor::from(0.0_f32));
            for (level, codes) in self.levels.iter().zip(&codes) {
                let chosen = level.f_index_select(0, codes)?;
                let still = chosen.f_detach()?;
                let commitment = still.f_mse_loss(&input, Reduction::Mean)?.f_mul_scalar(COMMITMENT)?;
                let codes = chosen.f_mse_loss(&input.f_detach()?, Reduction::Mean)?;
                quantization = quantization.f_add(&codes)?.f_add(&commitment)?;
                if let Some(target) = &target {
                    llm = llm.f_add(&cosine_distance(&chosen, target)?)?;
                }
                input = input.f_sub(&still)?;
            }
            // What is left has the gradient of `encoded`, so without it the sum has the codes' value and that gradient.
            let quantized = encoded.f_sub(&input.f_detach()?)?;
            let made = self.decoder.apply(&quantized)?.f_mse_loss(&rows, Reduction::Mean)?;
            let behaviour = made.f_add(&quantization.f_div_scalar(self.levels.len() as f64)?)?;
            behaviour.f_add(&llm.f_mul_scalar(self.parameters.alignment_weight)?)?.f_backward()?;
            Ok(Losses { behaviour: f64::try_from(behaviour)?, llm: f64::try_from(llm)? })
        };
        descend().map_err(failed("train the autoencoder"))
    }
}

/// All that is trained. The tensors are shared, so what the optimizer moves moves in the layers.
fn named(encoder: &Layers, decoder: &Layers, levels: &[Tensor], map: Option<&Map>) -> Vec<Parameter> {
    let mut named = encoder.tensors("encoder");
    named.extend(decoder.tensors("decoder"));
    named.extend((1..).zip(levels).map(|(level, codes)| (format!("level_{level}"), codes.shallow_clone())));
    let map = map.map_or(&[][..], Map::trained);
    named.extend(map.iter().map(|part| ("projection".to_owned(), part.value.shallow_clone())));
    named.into_iter().map(|(name, tensor)| Parameter { name, tensor, decays: true }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_one_and_falls_to_nothing() {
        assert!((rate(0.0, 1000.0) - 0.2).abs() < 1e-12);
        assert!((rate(4.0, 1000.0) - 1.0).abs() < 1e-12 && (rate(5.0, 1000.0) - 1.0).abs() < 1e-12);
        assert!(rate(999.0, 1000.0) < 0.002);
        assert!((rate(0.0, 1.0) - 1.0).abs() < 1e-12);
    }
}
