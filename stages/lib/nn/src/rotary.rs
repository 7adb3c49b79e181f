//! Rotary positions (Su et al., 2021), with the scalings of the LLaMA family.

use crate::llama_config::{LlamaConfig, RopeScaling};
use crate::{Torch, failed};
use contract::Result;
use std::f64::consts::PI;
use tch::{Device, Kind, Tensor};

/// The frequencies of a model's rotary positions.
#[derive(Debug)]
pub(crate) struct Rotary {
    /// Radians a position, f32 `[head width / 2]`.
    frequencies: Tensor,
}

/// Cosines and signed sines of a batch's positions, `[B, T, 1, head width]`; all blocks share them.
#[derive(Debug)]
pub(crate) struct Rotation {
    cosines: Tensor,
    sines: Tensor,
}

impl Rotary {
    pub(crate) fn new(config: &LlamaConfig, device: Device) -> Result<Self> {
        let frequencies: Vec<f32> = frequencies(config).iter().map(|&frequency| frequency as f32).collect();
        let frequencies = Tensor::f_from_slice(&frequencies)
            .and_then(|tensor| tensor.f_to_device(device))
            .map_err(failed("prepare rotary positions"))?;
        Ok(Self { frequencies })
    }

    /// The rotation of positions `[B, T]`, in the kind of the activations.
    pub(crate) fn at(&self, positions: &Tensor, kind: Kind) -> Torch<Rotation> {
        let angles = positions.f_to_kind(Kind::Float)?.f_unsqueeze(-1)?.f_mul(&self.frequencies)?;
        let (cosine, sine) = (angles.f_cos()?, angles.f_sin()?);
        let both = |first: &Tensor, second: &Tensor| -> Torch<Tensor> {
            Tensor::f_cat(&[first, second], -1)?.f_unsqueeze(2)?.f_to_kind(kind)
        };
        Ok(Rotation { cosines: both(&cosine, &cosine)?, sines: both(&sine.f_neg()?, &sine)? })
    }
}

impl Rotation {
    /// Rotates heads `[B, T, H, head width]`. As in Hugging Face's layout, feature j is paired with j + width / 2.
    pub(crate) fn apply(&self, heads: &Tensor) -> Torch<Tensor> {
        let half = heads.size().last().copied().unwrap_or_default() / 2;
        let swapped = heads.f_roll(half, -1)?;
        heads.f_mul(&self.cosines)?.f_addcmul(&swapped, &self.sines)
    }
}

fn frequencies(config: &LlamaConfig) -> Vec<f64> {
    let width = config.head_width();
    let plain = (0..width / 2).map(|pair| config.rope_theta.powf(-(2 * pair) as f64 / width as f64));
    match &config.rope_scaling {
        Some(scaling) => plain.map(|frequency| scaled(frequency, scaling)).collect(),
        None => plain.collect(),
    }
}

/// The scaled frequency. Llama 3 keeps short waves, divides long ones by the factor and blends in between.
fn scaled(frequency: f64, scaling: &RopeScaling) -> f64 {
    let factor = scaling.factor.unwrap_or(1.0);
    match scaling.rope_type.as_str() {
        "linear" => frequency / factor,
        "llama3" => {
            let low = scaling.low_freq_factor.unwrap_or(1.0);
            let high = scaling.high_freq_factor.unwrap_or(4.0);
            let waves = scaling.original_max_position_embeddings.unwrap_or(8192.0) * frequency / (2.0 * PI);
            let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        }
        _ => frequency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama_config::tests::tiny;
    use serde_json::json;

    #[test]
    fn a_pair_is_rotated_by_its_angle() {
        let config = tiny(&json!({}));
        let rotary = Rotary::new(&config, Device::Cpu).unwrap();
        let heads = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).view([1, 1, 1, 4]);
        let rotated = rotary.at(&Tensor::from_slice(&[3i64]).view([1, 1]), Kind::Float).unwrap().apply(&heads).unwrap();
        let rotated = Vec::<f32>::try_from(rotated.view([4])).unwrap();
        for (pair, frequency) in [(0, 1.0f32), (1, 0.01)] {
            let (sine, cosine) = (3.0 * frequency).sin_cos();
            let (x, y) = (1.0 + pair as f32, 3.0 + pair as f32);
            assert!((rotated[pair] - (x * cosine - y * sine)).abs() < 1e-6);
            assert!((rotated[pair + 2] - (y * cosine + x * sine)).abs() < 1e-6);
        }
    }

    #[test]
    fn llama_3_keeps_short_waves_and_stretches_long_ones() {
        let scaling = json!({"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}, "head_dim": 64, "rope_theta": 5e5});
        let plain = frequencies(&tiny(&json!({"head_dim": 64, "rope_theta": 5e5})));
        let scaled = frequencies(&tiny(&scaling));
        assert!((scaled[0] - plain[0]).abs() < 1e-12);
        assert!((scaled[31] - plain[31] / 8.0).abs() < 1e-12);
        let between = (0..32).filter(|&pair| scaled[pair] < plain[pair] && scaled[pair] > plain[pair] / 8.0).count();
        assert!(between > 0);
    }
}
