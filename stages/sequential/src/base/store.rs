//! The weights of a model, by name, in a fixed order.

use super::Torch;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use recommender::normal;
use tch::{Device, Tensor};

/// The standard deviation of the first embeddings and matrices, as in BERT.
const STD: f64 = 0.02;

/// Where a model's weights come from: drawn when they are asked for first, or found by the name that they were drawn under.
#[derive(Debug)]
pub(crate) struct Store {
    weights: Vec<(String, Tensor)>,
    rng: Option<ChaCha8Rng>,
    device: Device,
    /// The place of the next weight to be found.
    next: usize,
}

impl Store {
    /// A store that draws weights.
    pub(crate) fn random(rng: ChaCha8Rng, device: Device) -> Self {
        Self { weights: Vec::new(), rng: Some(rng), device, next: 0 }
    }

    /// A store of the same weights that takes gradients of its own.
    pub(crate) fn sharing(&self) -> Torch<Self> {
        let clone = |(name, weight): &(String, Tensor)| -> Torch<(String, Tensor)> {
            Ok((name.clone(), weight.f_detach()?.f_set_requires_grad(true)?))
        };
        let weights = self.weights.iter().map(clone).collect::<Torch<_>>()?;
        Ok(Self { weights, rng: None, device: self.device, next: 0 })
    }

    /// The table of items: normal numbers, and zeros in the extra columns.
    pub(crate) fn table(&mut self, rows: usize, dim: usize, extra: usize) -> Torch<Tensor> {
        let columns = dim + extra;
        let mut place = 0;
        self.weight("items", &[rows as i64, columns as i64], |rng| {
            place += 1;
            if (place - 1) % columns < dim { (STD * normal(rng)) as f32 } else { 0.0 }
        })
    }

    /// The next weight, of a store that shares another's.
    pub(crate) fn found(&mut self, name: &str) -> Torch<Tensor> {
        self.constant(name, &[0], 0.0)
    }

    /// Its weights, by name.
    pub(crate) fn into_weights(self) -> Vec<(String, Tensor)> {
        self.weights
    }

    /// A weight of normal numbers.
    pub(crate) fn normal(&mut self, name: &str, shape: &[i64]) -> Torch<Tensor> {
        self.weight(name, shape, |rng| (STD * normal(rng)) as f32)
    }

    /// A weight of numbers even between `±√(6 / (rows + columns))`.
    pub(crate) fn xavier_uniform(&mut self, name: &str, shape: [i64; 2]) -> Torch<Tensor> {
        let bound = (6.0 / (shape[0] + shape[1]) as f64).sqrt();
        self.weight(name, &shape, |rng| (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32)
    }

    /// A weight that is everywhere `value`.
    pub(crate) fn constant(&mut self, name: &str, shape: &[i64], value: f32) -> Torch<Tensor> {
        self.weight(name, shape, |_| value)
    }

    fn weight(&mut self, name: &str, shape: &[i64], mut draw: impl FnMut(&mut ChaCha8Rng) -> f32) -> Torch<Tensor> {
        if let Some(rng) = &mut self.rng {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw(rng)).collect();
            let weight = Tensor::f_from_slice(&values)?.f_view(shape)?.f_to_device(self.device)?;
            self.weights.push((name.to_owned(), weight.shallow_clone()));
            return Ok(weight);
        }
        // Every model of a kind asks for the same weights in the same order.
        let (found, weight) = &self.weights[self.next];
        debug_assert_eq!(found, name);
        self.next += 1;
        Ok(weight.shallow_clone())
    }
}
