//! Dropout whose masks depend on the seed and the step alone.

use crate::Torch;
use rand::RngCore as _;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

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

/// Dropout in training that draws from libtorch's generator. On the CPU, where that generator is most of its cost, four numbers
/// share a draw and the probability is one of 65,536ths.
pub(crate) fn drop_numbers(numbers: &Tensor, probability: f64) -> Torch<Tensor> {
    if numbers.device() != Device::Cpu {
        return numbers.f_dropout(probability, true);
    }
    let count = numbers.numel();
    let mut draws = Tensor::f_empty([count.div_ceil(4) as i64], (Kind::Int64, Device::Cpu))?;
    let quarters = draws.f_random_from_(i64::MIN, None)?.f_view_dtype(Kind::Int16)?.f_narrow(0, 0, count as i64)?;
    let limit = (probability * 65_536.0).round();
    let kept = quarters.f_ge(limit as i64 - 32_768)?.f_to_kind(numbers.kind())?;
    numbers.f_mul(&kept.f_mul_scalar(65_536.0 / (65_536.0 - limit))?.f_view_as(numbers)?)
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
    fn numbers_keep_their_mean_and_are_dropped_with_the_probability() {
        for kind in [Kind::Float, Kind::BFloat16, Kind::Double] {
            let found = drop_numbers(&Tensor::ones([333, 301], (kind, Device::Cpu)), 0.3).unwrap();
            let dropped = found.eq(0.0).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
            let mean = found.mean(Kind::Double).double_value(&[]);
            assert!(
                (dropped - 0.3).abs() < 0.01 && (mean - 1.0).abs() < 0.015,
                "{kind:?}: {dropped} dropped, mean {mean}"
            );
        }
    }

    #[test]
    fn a_mask_has_mean_one_and_drops_with_the_probability() {
        let mask = mask(100_000, 0.2, &mut ChaCha8Rng::seed_from_u64(1));
        let dropped = mask.iter().filter(|&&value| value == 0.0).count() as f64 / 100_000.0;
        let mean = f64::from(mask.iter().sum::<f32>()) / 100_000.0;
        assert!((dropped - 0.2).abs() < 0.005 && (mean - 1.0).abs() < 0.01, "{dropped} dropped, mean {mean}");
    }
}
