//! The linear map from text embeddings to the codes' dimension: `E_LLM W + b`.
//!
//! The paper compares codes with the language model's embedding directly, although their sizes differ; a map between
//! them has to be added.

use crate::rows::Rows;
use contract::{Failure, FailureKind, Result};
use nn::failed;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, TchError, Tensor};

/// Strengths of the ridge that are tried, as multiples of the mean variance of a text embedding's numbers.
const RIDGES: [f64; 7] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0];

/// One item in this many tells which strength is taken.
const JUDGES: usize = 10;

/// Subspace iterations; the directions are settled long before.
const ITERATIONS: usize = 30;

/// The map: `weight` `[h, d]` and `bias` `[d]`.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `[h, d]`.
    pub weight: Tensor,
    /// `[d]`.
    pub bias: Tensor,
}

impl Linear {
    /// A random map, Xavier-uniform.
    pub(crate) fn random(from: usize, to: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        let bound = (6.0 / (from + to) as f32).sqrt();
        let weight = Rows { dim: to, values: (0..from * to).map(|_| rng.random_range(-bound..bound)).collect() };
        let bias = Rows { dim: to, values: vec![0.0; to] };
        Ok(Self { weight: weight.tensor()?, bias: bias.tensor()?.f_view([-1]).map_err(failed("shape the bias"))? })
    }

    /// The ridge regression from text embeddings to the items' own (Hoerl and Kennard 1970), in closed form. Its strength
    /// is the one by which maps of nine tenths of the items, drawn at random, come closest to the rest by the cosine.
    pub(crate) fn ridge(text: &Rows, items: &Rows, rng: &mut ChaCha8Rng) -> Result<Self> {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.shuffle(rng);
        let (judges, fitted) = order.split_at(items.len() / JUDGES);
        let part =
            |rows: &[usize]| -> Result<[Tensor; 2]> { Ok([text.select(rows).tensor()?, items.select(rows).tensor()?]) };
        let choose = |fitted: [Tensor; 2], judges: [Tensor; 2]| -> std::result::Result<f64, TchError> {
            let sums = Sums::of(&fitted[0], &fitted[1])?;
            let mut best = (f64::NEG_INFINITY, RIDGES[0]);
            for ridge in RIDGES {
                let mapped = sums.solve(ridge)?.apply(&judges[0])?;
                let cosine =
                    f64::try_from(Tensor::f_cosine_similarity(&mapped, &judges[1], 1, 1e-8)?.f_mean(Kind::Double)?)?;
                if cosine > best.0 {
                    best = (cosine, ridge);
                }
            }
            Ok(best.1)
        };
        // With too few items to judge by, the middle of what is tried.
        let ridge = match judges {
            [] => RIDGES[RIDGES.len() / 2],
            _ => choose(part(fitted)?, part(judges)?).map_err(failed("choose the ridge"))?,
        };
        let (text, items) = (text.tensor()?, items.tensor()?);
        Sums::of(&text, &items).and_then(|sums| sums.solve(ridge)).map_err(failed("fit the projection"))
    }

    /// The first `to` principal components, each with its largest entry positive. Centred by the bias.
    pub(crate) fn principal_components(text: &Rows, to: usize, rng: &mut ChaCha8Rng) -> Result<Self> {
        if text.dim < to || text.len() < to {
            let message =
                format!("{} text embeddings of {} numbers have no {to} principal components", text.len(), text.dim);
            return Err(Failure::new(FailureKind::Conflict, message).hint("take projection = \"ridge\""));
        }
        let start = Self::random(text.dim, to, rng)?.weight;
        components(&text.tensor()?, &start).map_err(failed("find the principal components"))
    }

    /// The mapped text embeddings.
    pub(crate) fn apply(&self, text: &Tensor) -> std::result::Result<Tensor, TchError> {
        text.f_matmul(&self.weight)?.f_add(&self.bias)
    }
}

/// What a ridge regression needs to know of its rows, in double precision.
struct Sums {
    /// Means of both sides, `[1, h]` and `[1, d]`.
    means: [Tensor; 2],
    /// `XᵀX` of the centred text, `[h, h]`.
    square: Tensor,
    /// `XᵀY`, `[h, d]`.
    product: Tensor,
}

impl Sums {
    fn of(text: &Tensor, items: &Tensor) -> std::result::Result<Self, TchError> {
        let centre = |rows: &Tensor| -> std::result::Result<[Tensor; 2], TchError> {
            let rows = rows.f_to_kind(Kind::Double)?;
            let mean = rows.f_mean_dim([0_i64].as_slice(), true, Kind::Double)?;
            Ok([rows.f_sub(&mean)?, mean])
        };
        let ([text, text_mean], [items, items_mean]) = (centre(text)?, centre(items)?);
        let transposed = text.f_transpose(0, 1)?;
        Ok(Self {
            square: transposed.f_matmul(&text)?,
            product: transposed.f_matmul(&items)?,
            means: [text_mean, items_mean],
        })
    }

    /// `(XᵀX + λ I) W = XᵀY`, where λ is `ridge` times the mean of the diagonal; the bias undoes the centring.
    fn solve(&self, ridge: f64) -> std::result::Result<Linear, TchError> {
        let size = self.square.size()[0];
        let variance = f64::try_from(self.square.f_trace()?)? / size as f64;
        // Texts that are all equal tell nothing: any strength above 0 then gives a weight of 0.
        let strength = if variance > 0.0 { ridge * variance } else { 1.0 };
        let identity = Tensor::f_eye(size, (Kind::Double, self.square.device()))?;
        let system = self.square.f_add(&identity.f_mul_scalar(strength)?)?;
        let weight = self.product.f_cholesky_solve(&system.f_linalg_cholesky(false)?, false)?;
        let bias = self.means[1].f_sub(&self.means[0].f_matmul(&weight)?)?.f_view([-1])?;
        Ok(Linear { weight: weight.f_to_kind(Kind::Float)?, bias: bias.f_to_kind(Kind::Float)? })
    }
}

/// Subspace iteration: the eigenvectors of `XᵀX` without making it, by repeated products and orthogonalisation.
fn components(text: &Tensor, start: &Tensor) -> std::result::Result<Linear, TchError> {
    let mean = text.f_mean_dim([0_i64].as_slice(), true, Kind::Float)?;
    let centred = text.f_sub(&mean)?;
    let transposed = centred.f_transpose(0, 1)?;
    let mut basis = start.shallow_clone();
    for _ in 0..ITERATIONS {
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
    fn a_ridge_finds_a_linear_map_whatever_its_centre() {
        let text = Rows {
            dim: 3,
            values: (0..300).map(|n| recommender::tie_order(n) as f32 / u64::MAX as f32 + 4.0).collect(),
        };
        let of_text = |row: &[f32]| [2.0 * row[0] - row[2] + 7.0, row[1] + 0.5 * row[2]];
        let items = Rows { dim: 2, values: text.values.chunks_exact(3).flat_map(of_text).collect() };
        let map = Linear::ridge(&text, &items, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let mapped = Rows::of(&map.apply(&text.tensor().unwrap()).unwrap()).unwrap();
        assert!(mapped.values.iter().zip(&items.values).all(|(found, expected)| (found - expected).abs() < 0.01));
    }

    #[test]
    fn texts_that_tell_nothing_lead_to_the_mean_item() {
        let text = Rows { dim: 2, values: vec![3.0; 40] };
        let items = Rows { dim: 1, values: (0..20).map(|n| n as f32).collect() };
        let map = Linear::ridge(&text, &items, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let mapped = Rows::of(&map.apply(&text.tensor().unwrap()).unwrap()).unwrap();
        assert!(mapped.values.iter().all(|value| (value - 9.5).abs() < 1e-5), "{mapped:?}");
    }

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
