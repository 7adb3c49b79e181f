//! The encoder and the decoder: linear layers with ReLU between them.

use crate::rows::Rows;
use contract::{Failure, FailureKind, Result};
use nn::failed;
use rand_chacha::ChaCha8Rng;
use recommender::normal;
use std::collections::BTreeMap;
use tch::{TchError, Tensor};

/// Rows that go through the layers at a time outside the training, so that memory does not grow with the items.
const BLOCK: usize = 4096;

/// Linear layers: each a weight `[in, out]` and a bias `[out]`.
#[derive(Debug)]
pub(crate) struct Layers(Vec<[Tensor; 2]>);

impl Layers {
    /// Layers from the first size to the last: Xavier-normal weights (Glorot and Bengio 2010), biases of zero.
    pub(crate) fn random(sizes: &[usize], rng: &mut ChaCha8Rng) -> Result<Self> {
        let layer = |pair: &[usize]| -> Result<[Tensor; 2]> {
            let (from, to) = (pair[0], pair[1]);
            let std = (2.0 / (from + to) as f64).sqrt();
            let weight = Rows { dim: to, values: (0..from * to).map(|_| (std * normal(rng)) as f32).collect() };
            Ok([trained(&weight.tensor()?)?, trained(&Tensor::from_slice(&vec![0.0_f32; to]))?])
        };
        Ok(Self(sizes.windows(2).map(layer).collect::<Result<_>>()?))
    }

    /// `[n, in]` to `[n, out]`.
    pub(crate) fn apply(&self, rows: &Tensor) -> std::result::Result<Tensor, TchError> {
        let mut rows = rows.shallow_clone();
        for (place, [weight, bias]) in self.0.iter().enumerate() {
            rows = rows.f_matmul(weight)?.f_add(bias)?;
            if place + 1 < self.0.len() {
                rows = rows.f_relu()?;
            }
        }
        Ok(rows)
    }

    /// The same for rows, without gradients.
    pub(crate) fn map(&self, rows: &Rows) -> Result<Rows> {
        let mut mapped = Rows { dim: self.to(), values: Vec::with_capacity(rows.len() * self.to()) };
        for block in rows.values.chunks(BLOCK * rows.dim) {
            let block = Rows { dim: rows.dim, values: block.to_vec() }.tensor()?;
            let block = tch::no_grad(|| self.apply(&block)).map_err(failed("encode or decode items"))?;
            mapped.values.extend(Rows::of(&block)?.values);
        }
        Ok(mapped)
    }

    /// The length of the rows that go in.
    pub(crate) fn from(&self) -> usize {
        self.0.first().map_or(0, |[weight, _]| weight.size()[0].unsigned_abs() as usize)
    }

    /// The length of the rows that come out.
    pub(crate) fn to(&self) -> usize {
        self.0.last().map_or(0, |[_, bias]| bias.size()[0].unsigned_abs() as usize)
    }

    /// Layers for rows that are `factor` times as long.
    pub(crate) fn for_rows_times(mut self, factor: f32) -> Result<Self> {
        if let Some([weight, _]) = self.0.first_mut() {
            *weight = scaled(weight, factor.recip())?;
        }
        Ok(self)
    }

    /// Layers whose results are `factor` times as long.
    pub(crate) fn times(mut self, factor: f32) -> Result<Self> {
        if let Some([weight, bias]) = self.0.last_mut() {
            (*weight, *bias) = (scaled(weight, factor)?, scaled(bias, factor)?);
        }
        Ok(self)
    }

    /// All tensors by name: `NAME_1.weight`, `NAME_1.bias`, `NAME_2.weight`, ...
    pub(crate) fn tensors(&self, name: &str) -> Vec<(String, Tensor)> {
        let named = self.0.iter().enumerate().flat_map(|(place, [weight, bias])| {
            let tensors = [("weight", weight), ("bias", bias)];
            tensors.map(|(parameter, tensor)| (format!("{name}_{}.{parameter}", place + 1), tensor.shallow_clone()))
        });
        named.collect()
    }

    /// Takes the layers of that name out of a file's tensors.
    pub(crate) fn take(tensors: &mut BTreeMap<String, Tensor>, name: &str) -> Result<Self> {
        let mut layers: Vec<[Tensor; 2]> = Vec::new();
        while let Some(weight) = tensors.remove(&format!("{name}_{}.weight", layers.len() + 1)) {
            let Some(bias) = tensors.remove(&format!("{name}_{}.bias", layers.len() + 1)) else {
                let message = format!("the codebook has no tensor '{name}_{}.bias'", layers.len() + 1);
                return Err(Failure::new(FailureKind::MissingField, message));
            };
            layers.push([weight, bias]);
        }
        match layers.is_empty() {
            true => {
                Err(Failure::new(FailureKind::MissingField, format!("the codebook has no tensor '{name}_1.weight'")))
            }
            false => Ok(Self(layers)),
        }
    }
}

/// A tensor that records gradients.
pub(crate) fn trained(value: &Tensor) -> Result<Tensor> {
    value.f_detach_copy().and_then(|value| value.f_set_requires_grad(true)).map_err(failed("start training"))
}

fn scaled(tensor: &Tensor, factor: f32) -> Result<Tensor> {
    tensor.f_detach().and_then(|tensor| tensor.f_mul_scalar(f64::from(factor))).map_err(failed("scale the layers"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn layers_round_trip_through_a_file() {
        let layer = |weight: &[f32], bias: &[f32]| [Tensor::from_slice(weight).view([1, -1]), Tensor::from_slice(bias)];
        let mut second = layer(&[1.0, 10.0], &[0.5]);
        second[0] = second[0].view([2, 1]);
        let layers = Layers(vec![layer(&[1.0, -1.0], &[0.0, 0.0]), second]);
        let rows = Rows { dim: 1, values: vec![2.0, -3.0] };
        assert_eq!(layers.map(&rows).unwrap().values, [2.5, 30.5]);
        let mut tensors = layers.tensors("encoder").into_iter().collect();
        assert_eq!(Layers::take(&mut tensors, "encoder").unwrap().map(&rows).unwrap().values, [2.5, 30.5]);
        assert!(Layers::take(&mut tensors, "encoder").unwrap_err().message.contains("encoder_1.weight"));
        let layers = layers.for_rows_times(4.0).unwrap().times(2.0).unwrap();
        assert_eq!(layers.map(&rows.times(4.0)).unwrap().values, [5.0, 61.0]);
    }

    #[test]
    fn weights_start_with_the_std_of_their_size() {
        let layers = Layers::random(&[60, 40], &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let weight = Rows::of(&layers.0[0][0]).unwrap();
        assert!((weight.scale() - (2.0_f32 / 100.0).sqrt()).abs() < 0.005, "{}", weight.scale());
        assert_eq!((layers.from(), layers.to()), (60, 40));
    }
}
