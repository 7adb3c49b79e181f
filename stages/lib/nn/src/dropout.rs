//! Dropout whose masks depend on the seed and the step alone.

use crate::Torch;
use rand::RngCore as _;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

/// Drops numbers with a probability and scales the others up, in training; changes nothing otherwise.
#[derive(Debug)]
pub struct Dropout {
    probability: f64,
    rng: Option<ChaCha8Rng>,
}

impl Dropout {
    /// Dropout in training. On the CPU the masks are drawn from `rng`, since libtorch has one generator for all threads.
    #[must_use]
    pub fn training(probability: f64, rng: ChaCha8Rng) -> Self {
        Self { probability, rng: (probability > 0.0).then_some(rng) }
    }

    /// Drops nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { probability: 0.0, rng: None }
    }

    /// The numbers after dropout.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn apply(&mut self, numbers: &Tensor) -> Torch<Tensor> {
        let Some(rng) = &mut self.rng else { return Ok(numbers.shallow_clone()) };
        if numbers.device() != Device::Cpu {
            return numbers.f_dropout(self.probability, true);
        }
        let mask = mask(numbers.numel(), self.probability, rng);
        numbers.f_mul(&Tensor::f_from_slice(&mask)?.f_view_as(numbers)?)
    }
}

/// 0 with the probability, to 1 in 65,536, and else what makes the mean 1.
fn mask(count: usize, probability: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let limit = (probability * 65_536.0).round() as u32;
    let kept = 65_536.0 / (65_536 - limit) as f32;
    let mut bytes = vec![0_u8; 2 * count];
    rng.fill_bytes(&mut bytes);
    let draw = |pair: &[u8]| u32::from(u16::from_le_bytes([pair[0], pair[1]]));
    bytes.chunks_exact(2).map(|pair| if draw(pair) < limit { 0.0 } else { kept }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn a_mask_has_mean_one_and_drops_with_the_probability() {
        let mask = mask(100_000, 0.2, &mut ChaCha8Rng::seed_from_u64(1));
        let dropped = mask.iter().filter(|&&value| value == 0.0).count() as f64 / 100_000.0;
        let mean = f64::from(mask.iter().sum::<f32>()) / 100_000.0;
        assert!((dropped - 0.2).abs() < 0.005 && (mean - 1.0).abs() < 0.01, "{dropped} dropped, mean {mean}");
    }
}
