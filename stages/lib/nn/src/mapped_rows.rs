//! Rows of new tokens that are made from the codebook's vectors (Table 7 of the paper).

use crate::Torch;
use tch::{Device, Kind, Tensor};

/// Vectors `[n, d]` and the perceptron, linear maps with ReLU between them, that makes rows `[n, h]` of them. All of it
/// is trained.
#[derive(Debug)]
pub(crate) struct MappedRows {
    vectors: Tensor,
    layers: Vec<Linear>,
}

/// x ↦ W x + b.
#[derive(Debug)]
struct Linear {
    /// `[outputs, inputs]`.
    weight: Tensor,
    /// `[outputs]`.
    bias: Tensor,
}

impl MappedRows {
    /// A fresh perceptron of that many layers from d to h over vectors `[n, d]`, as `torch.nn.Linear` is initialised.
    pub(crate) fn fresh(vectors: &Tensor, layers: usize, width: i64, device: Device) -> Torch<Self> {
        let vectors = vectors.f_to_device(device)?.f_to_kind(Kind::Float)?.f_detach_copy()?;
        let mut inputs = vectors.size()[1];
        let mut stacked = Vec::with_capacity(layers);
        for _ in 0..layers {
            let bound = 1.0 / (inputs as f64).sqrt();
            let uniform = |size: &[i64]| Tensor::f_empty(size, (Kind::Float, device))?.f_uniform_(-bound, bound);
            stacked.push(Linear { weight: uniform(&[width, inputs])?, bias: uniform(&[width])? });
            inputs = width;
        }
        Ok(Self { vectors, layers: stacked })
    }

    /// The rows, f32 `[n, h]`.
    pub(crate) fn rows(&self) -> Torch<Tensor> {
        let mut x = self.vectors.shallow_clone();
        for (number, layer) in self.layers.iter().enumerate() {
            let input = if number == 0 { x } else { x.f_relu()? };
            x = input.f_linear(&layer.weight, Some(&layer.bias))?;
        }
        Ok(x)
    }

    /// What is trained, by name, and whether weight decay applies.
    pub(crate) fn parameters(&self) -> Vec<(String, &Tensor, bool)> {
        let layers = self.layers.iter().enumerate().flat_map(|(number, layer)| {
            [
                (format!("layer_{number}.weight"), &layer.weight, true),
                (format!("layer_{number}.bias"), &layer.bias, false),
            ]
        });
        std::iter::once(("vectors".to_owned(), &self.vectors, false)).chain(layers).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_flow_through_every_layer_to_the_vectors() {
        tch::manual_seed(4);
        let vectors = Tensor::randn([6, 3], (Kind::Float, Device::Cpu));
        for layers in [2, 3] {
            let mapped = MappedRows::fresh(&vectors, layers, 8, Device::Cpu).unwrap();
            let parameters = mapped.parameters();
            assert_eq!(parameters.len(), 1 + 2 * layers);
            for (_, tensor, _) in &parameters {
                drop(tensor.set_requires_grad(true));
            }
            let rows = mapped.rows().unwrap();
            assert_eq!(rows.size(), [6, 8]);
            rows.square().sum(Kind::Float).backward();
            for (name, tensor, _) in &parameters {
                assert!(tensor.grad().abs().sum(Kind::Float).double_value(&[]) > 0.0, "{name}");
            }
        }
    }
}
