//! The linear map from text embeddings to the codes' dimension: `E_LLM W + b`.
//!
//! The paper compares codes with the language model's embedding directly, although their sizes differ; a map between
//! them has to be added.

use crate::rows::Rows;
use contract::{Failure, FailureKind, Result};
use nn::failed;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, TchError, Tensor};

/// Rounds of subspace iteration; the directions are settled long before.
const ROUNDS: usize = 30;

/// The map: `weight` `[h, d]` and `bias` `[d]`.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[h, d]`.
    pub weight: Tensor,
    /// `[d]`.
    pub bias: Tensor,
}

impl Linear {
    /// A random map, Xavier-uniform, from which training starts.
    pub(crate) fn random(from: usize, to: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let bound = (6.0 / (from + to) as f32).sqrt();
        let weight = Rows { dim: to, values: (0..from * to).map(|_| rng.random_range(-bound..bound)).collect() };
        let bias = Rows { dim: to, values: vec![0.0; to] };
        Ok(Self { weight: weight.tensor()?, bias: bias.tensor()?.f_view([-1]).map_err(failed("shape the bias"))? })
    }

    /// The first `to` principal components, each with its largest entry positive. Centred by the bias.
    pub(crate) fn principal_components(text: &Rows, to: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        if text.dim < to || text.len() < to {
            let message =
                format!("{} text embeddings of {} numbers have no {to} principal components", text.len(), text.dim);
            return Err(Failure::new(FailureKind::Conflict, message).hint("take projection = \"learned\""));
        }
        let start = Self::random(text.dim, to, rng)?.weight;
        components(&text.tensor()?, &start).map_err(failed("find the principal components"))
    }

    /// The mapped text embeddings.
    pub(crate) fn apply(&self, text: &Tensor) -> std::result::Result<Tensor, TchError> {
        text.f_matmul(&self.weight)?.f_add(&self.bias)
    }
}

/// Subspace iteration: the eigenvectors of `XᵀX` without making it, by repeated products and orthogonalisation.
fn components(text: &Tensor, start: &Tensor) -> std::result::Result<Linear, TchError> {
    let mean = text.f_mean_dim([0_i64].as_slice(), true, Kind::Float)?;
    let centred = text.f_sub(&mean)?;
    let transposed = centred.f_transpose(0, 1)?;
    let mut basis = start.shallow_clone();
    for _ in 0..ROUNDS {
        (basis, _) = Tensor::f_linalg_qr(&transposed.f_matmul(&centred.f_matmul(&basis)?)?, "reduced")?;
    }
    // Inside the subspace, the order by variance comes from its small covariance.
    let scores = centred.f_matmul(&basis)?;
    let (_, turn) = scores.f_transpose(0, 1)?.f_matmul(&scores)?.f_linalg_eigh("L")?;
    let weight = basis.f_matmul(&turn.f_flip([1_i64])?)?;
    let largest = weight.f_gather(0, &weight.f_abs()?.f_argmax(0, true)?, false)?;
    let weight = weight.f_mul(&largest.f_sign()?)?;
    let bias = mean.f_matmul(&weight)?.f_neg()?.f_view([-1])?;
    Ok(Linear { weight, bias })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn principal_components_are_the_directions_of_variance() {
        // Most variance along the third axis, some along the first, none along the second.
        let values = (0..40).flat_map(|n| [(n % 2) as f32 + 5.0, 3.0, (n / 2) as f32]).collect();
        let text = Rows { dim: 3, values };
        let map = Linear::principal_components(&text, 2, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let weight = Rows::of(&map.weight).unwrap();
        for (found, expected) in weight.values.iter().zip([0.0, 1.0, 0.0, 0.0, 1.0, 0.0]) {
            assert!((found - expected).abs() < 0.02, "{weight:?}");
        }
        let mapped = map.apply(&text.tensor().unwrap()).unwrap();
        assert!(mapped.mean_dim([0_i64].as_slice(), false, Kind::Float).abs().max().double_value(&[]) < 1e-4);
    }
}
