//! The largest singular values of a sparse matrix, with their vectors (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1).

use crate::counts::SparseRows;
use contract::Result;
use nn::failed;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tch::{Kind, TchError, Tensor};

/// Directions beside those that are wanted, which make the wanted ones more exact.
const MORE: usize = 16;

/// `M ≈ U diag(values) Vᵀ`, of which the left side is kept.
#[derive(Debug)]
pub(crate) struct Decomposition {
    /// `U`, `[items, dim]`; each column's largest entry is positive.
    pub left: Tensor,
    /// `[dim]`, descending.
    pub values: Vec<f32>,
}

/// Decomposes a square matrix by `iterations` of subspace iteration from random directions.
pub(crate) fn decompose(
    matrix: &SparseRows<f32>,
    dim: usize,
    iterations: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Decomposition> {
    let directions = (dim + MORE).min(matrix.len());
    let start: Vec<f32> = (0..matrix.len() * directions).map(|_| rng.random_range(-1.0..1.0)).collect();
    iterate(matrix, &start, directions, dim, iterations).map_err(failed("decompose the matrix"))
}

fn iterate(
    matrix: &SparseRows<f32>,
    start: &[f32],
    directions: usize,
    dim: usize,
    iterations: usize,
) -> std::result::Result<Decomposition, TchError> {
    let transposed = transpose(matrix);
    let start = Tensor::f_from_slice(start)?.f_view([-1, directions as i64])?;
    let orthogonal = |tensor: &Tensor| Ok::<_, TchError>(Tensor::f_linalg_qr(tensor, "reduced")?.0);
    let mut basis = orthogonal(&product(matrix, &start)?)?;
    for _ in 0..iterations {
        let back = orthogonal(&product(&transposed, &basis)?)?;
        basis = orthogonal(&product(matrix, &back)?)?;
    }
    // Bᵀ = Mᵀ Q is tall: of B Bᵀ = T S² Tᵀ, small, follow the values S and, from M ≈ Q B, U = Q T.
    let tall = product(&transposed, &basis)?;
    let (squares, turn) = tall.f_transpose(0, 1)?.f_matmul(&tall)?.f_linalg_eigh("L")?;
    let dim = dim.min(directions) as i64;
    let left = basis.f_matmul(&turn.f_flip([1_i64])?.f_narrow(1, 0, dim)?)?;
    let largest = left.f_gather(0, &left.f_abs()?.f_argmax(0, true)?, false)?;
    let values = squares.f_flip([0_i64])?.f_narrow(0, 0, dim)?.f_clamp_min(0.0)?.f_sqrt()?;
    Ok(Decomposition { left: left.f_mul(&largest.f_sign()?)?, values: Vec::try_from(&values)? })
}

/// A sparse matrix times `dense` `[items, n]`, rows in parallel.
fn product(matrix: &SparseRows<f32>, dense: &Tensor) -> std::result::Result<Tensor, TchError> {
    let columns = dense.size()[1] as usize;
    let mut factor = vec![0.0_f32; dense.numel()];
    let dense = dense.f_to_kind(Kind::Float)?.f_contiguous()?;
    dense.f_copy_data(&mut factor, dense.numel())?;
    let mut result = vec![0.0_f32; matrix.len() * columns];
    result.par_chunks_mut(columns).zip(matrix).for_each(|(sum, row)| {
        for &(item, value) in row {
            let other = &factor[item as usize * columns..][..columns];
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += value * other);
        }
    });
    Tensor::f_from_slice(&result)?.f_view([-1, columns as i64])
}

fn transpose(matrix: &SparseRows<f32>) -> SparseRows<f32> {
    let mut transposed = vec![Vec::new(); matrix.len()];
    for (place, row) in (0_u32..).zip(matrix) {
        for &(item, value) in row {
            transposed[item as usize].push((place, value));
        }
    }
    transposed
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    fn random(items: u32, rng: &mut ChaCha8Rng) -> SparseRows<f32> {
        let mut row = || {
            let columns: Vec<u32> = (0..items).filter(|_| rng.random_bool(0.3)).collect();
            columns.into_iter().map(|item| (item, rng.random())).collect()
        };
        (0..items).map(|_| row()).collect()
    }

    #[test]
    fn values_and_vectors_are_those_of_the_dense_decomposition() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let matrix = random(60, &mut rng);
        let mut dense = vec![0.0_f32; 3600];
        for (place, row) in matrix.iter().enumerate() {
            row.iter().for_each(|&(item, value)| dense[place * 60 + item as usize] = value);
        }
        let dense = Tensor::from_slice(&dense).view([60, 60]);
        let (left, values, _) = dense.svd(true, true);
        let found = decompose(&matrix, 6, 20, &mut rng).unwrap();
        for (place, value) in (0_i64..).zip(&found.values) {
            assert!((f64::from(*value) - values.double_value(&[place])).abs() < 1e-3, "{place}: {value}");
            let cosine = (left.select(1, place) * found.left.select(1, place)).sum(Kind::Float).abs().double_value(&[]);
            assert!(cosine > 0.999, "{place}: {cosine}");
        }
        assert!(found.left.amax([0_i64], false).ge(0.0).all().int64_value(&[]) == 1);
    }
}
