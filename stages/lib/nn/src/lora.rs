//! Low-rank adapters (Hu et al., 2021): a projection W x becomes W x + (α / r) · B A dropout(x).

use crate::Torch;
use crate::dropout::drop_numbers;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// What an adapter looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraConfig {
    /// Rank of the update.
    pub r: i64,
    /// Its scale is alpha / r.
    pub alpha: f64,
    /// Ratio of the adapter's inputs that is dropped in training.
    pub dropout: f64,
    /// The projections that have one, such as `q_proj`, without their path.
    pub target_modules: Vec<String>,
}

/// The adapter of one projection.
#[derive(Debug)]
pub(crate) struct Lora {
    /// f32 `[r, inputs]`.
    pub(crate) a: Tensor,
    /// f32 `[outputs, r]`.
    pub(crate) b: Tensor,
    scale: f64,
    dropout: f64,
}

impl Lora {
    /// A fresh adapter. B starts at zero, so it changes nothing yet; A as `torch.nn.Linear` is initialised.
    pub(crate) fn fresh(config: &LoraConfig, inputs: i64, outputs: i64, device: Device) -> Torch<Self> {
        let bound = 1.0 / (inputs as f64).sqrt();
        let a = Tensor::f_empty([config.r, inputs], (Kind::Float, device))?.f_uniform_(-bound, bound)?;
        let b = Tensor::f_zeros([outputs, config.r], (Kind::Float, device))?;
        Ok(Self::of(config, a, b))
    }

    pub(crate) fn of(config: &LoraConfig, a: Tensor, b: Tensor) -> Self {
        Self { a, b, scale: config.alpha / config.r as f64, dropout: config.dropout }
    }

    /// (α / r) · A dropout(x) of `[.., inputs]` for the A of each of those adapters, side by side: `[.., sum of ranks]` in the kind of
    /// the activations. The adapters stay in f32, have one configuration and see the same mask.
    pub(crate) fn down_project(adapters: &[&Self], x: &Tensor, train: bool) -> Torch<Tensor> {
        let (ratio, scale) = adapters.first().map_or((0.0, 1.0), |first| (first.dropout, first.scale));
        let x = if train && ratio > 0.0 { drop_numbers(x, ratio)? } else { x.shallow_clone() };
        let a = Tensor::f_cat(&adapters.iter().map(|adapter| &adapter.a).collect::<Vec<_>>(), 0)?;
        x.f_linear(&a.f_to_kind(x.kind())?, None::<&Tensor>)?.f_mul_scalar(scale)
    }
}

impl Lora {
    /// What it adds to the weight, f32 `[outputs, inputs]`: (α / r) · B A.
    pub(crate) fn product(&self) -> Torch<Tensor> {
        self.b.f_detach()?.f_matmul(&self.a.f_detach()?)?.f_mul_scalar(self.scale)
    }
}

impl LoraConfig {
    /// Whether the projection with that full name has an adapter.
    pub(crate) fn targets(&self, name: &str) -> bool {
        self.target_modules.iter().any(|target| name.ends_with(&format!(".{target}")))
    }
}
