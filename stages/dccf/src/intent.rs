//! The intent view: `H = softmax(X C) Cᵀ`, each row a mixture of the intents, and its gradient.

use crate::matrix::{copy, tensor, values};
use crate::vectors::add;
use contract::Result;
use nn::failed;
use rayon::prelude::*;
use tch::{Kind, TchError, Tensor};

const ROWS: usize = 2048;

/// Writes `H [rows, dim]` for the rows of `x` and the intents `[dim, intents]`; returns the mixtures
/// `softmax(X C)`, block by block, for [`backward`].
pub(crate) fn forward(x: &[f32], intents: &[f32], dim: usize, h: &mut [f32]) -> Result<Vec<Tensor>> {
    let count = intents.len() / dim;
    let blocks = (x.par_chunks(ROWS * dim), h.par_chunks_mut(ROWS * dim)).into_par_iter();
    blocks
        .map(|(x, h)| {
            let (x, intents) = (tensor(x, dim)?, tensor(intents, count)?);
            let mix = || -> std::result::Result<_, TchError> {
                let mixture = x.f_matmul(&intents)?.f_softmax(1, Kind::Float)?;
                let view = mixture.f_matmul(&intents.f_transpose(0, 1)?)?;
                Ok((mixture, view))
            };
            let (mixture, view) = mix().map_err(failed("mix the intents"))?;
            copy(&view, h)?;
            Ok(mixture)
        })
        .collect()
}

/// Adds to `gradient_x` what the gradient of `H` hands to `X`, and returns what it hands to the intents.
pub(crate) fn backward(
    x: &[f32],
    intents: &[f32],
    dim: usize,
    mixtures: Vec<Tensor>,
    gradient_h: &[f32],
    gradient_x: &mut [f32],
) -> Result<Vec<f32>> {
    let count = intents.len() / dim;
    let blocks = (
        mixtures.into_par_iter(),
        x.par_chunks(ROWS * dim),
        gradient_h.par_chunks(ROWS * dim),
        gradient_x.par_chunks_mut(ROWS * dim),
    );
    let parts: Vec<Vec<f32>> = blocks
        .into_par_iter()
        .map(|(mixture, x, gradient_h, gradient_x)| {
            let (x, intents, of_h) = (tensor(x, dim)?, tensor(intents, count)?, tensor(gradient_h, dim)?);
            let (of_x, of_intents) =
                block_gradient(&x, &intents, &mixture, &of_h).map_err(failed("derive the intents"))?;
            add(gradient_x, &values(&of_x)?);
            values(&of_intents)
        })
        .collect::<Result<_>>()?;
    let mut of_intents = vec![0.0; intents.len()];
    // In the order of the blocks, so that the sum does not depend on which thread came first.
    parts.iter().for_each(|part| add(&mut of_intents, part));
    Ok(of_intents)
}

/// With `P = softmax(X C)`: the gradients `dS Cᵀ` of X and `Xᵀ dS + dHᵀ P` of C, where `dS = P ∘ (dP − Σ P ∘ dP)`.
fn block_gradient(
    x: &Tensor,
    intents: &Tensor,
    mixture: &Tensor,
    of_h: &Tensor,
) -> std::result::Result<(Tensor, Tensor), TchError> {
    let of_mixture = of_h.f_matmul(intents)?;
    let weighted = mixture.f_mul(&of_mixture)?;
    let along = weighted.f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?;
    let of_scores = weighted.f_sub(&mixture.f_mul(&along)?)?;
    let of_x = of_scores.f_matmul(&intents.f_transpose(0, 1)?)?;
    let of_intents = x.f_transpose(0, 1)?.f_matmul(&of_scores)?.f_add(&of_h.f_transpose(0, 1)?.f_matmul(mixture)?)?;
    Ok((of_x, of_intents))
}
