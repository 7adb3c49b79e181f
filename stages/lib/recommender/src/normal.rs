//! Normally distributed random numbers.

use rand::Rng;
use std::f64::consts::TAU;

/// Draws a standard normal number by the Box–Muller transform (Box and Muller 1958).
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn draws_have_mean_0_and_variance_1() {
        const DRAWS: usize = 100_000;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f64> = (0..DRAWS).map(|_| normal(&mut rng)).collect();
        let mean = values.iter().sum::<f64>() / DRAWS as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / DRAWS as f64;
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        // 68.27 % lie within one standard deviation.
        let within = values.iter().filter(|value| value.abs() < 1.0).count() as f64 / DRAWS as f64;
        assert!((within - 0.6827).abs() < 0.008, "{within}");
    }
}
