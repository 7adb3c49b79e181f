//! The contrastive terms `N(P, Q)`: InfoNCE within a batch, in blocks of rows, with its gradient.
//!
//! `N(P, Q) = mean_k −log( exp(p_k·q_k/τ) / Σ_m exp(p_k·q_m/τ) )` with rows of length 1. The published code adds 1e-8
//! inside both logarithms as a guard; a softmax that subtracts the largest logit needs none.

use crate::matrix::{tensor, values};
use crate::vectors::add;
use contract::Result;
use nn::failed;
use rayon::prelude::*;
use tch::{Kind, TchError, Tensor};

/// Rows of the n × n similarities that exist at one time on one thread.
const ROWS: usize = 256;

/// A loss and its gradients for P and Q, each `[n, dim]`.
#[derive(Debug)]
pub(crate) struct InfoNce {
    /// The loss.
    pub loss: f64,
    /// The gradient of P.
    pub of_p: Vec<f32>,
    /// The gradient of Q.
    pub of_q: Vec<f32>,
}

/// `N(P, Q)` at a temperature. Memory is at most `threads × 256 × n` similarities.
pub(crate) fn info_nce(p: &[f32], q: &[f32], dim: usize, temperature: f64) -> Result<InfoNce> {
    let rows = p.len() / dim;
    let blocks: Vec<InfoNce> = p
        .par_chunks(ROWS * dim)
        .enumerate()
        .map(|(block, p)| {
            let (p, q) = (tensor(p, dim)?, tensor(q, dim)?);
            let scale = 1.0 / (temperature * rows as f64);
            let (loss, of_p, of_q) =
                block_loss(&p, &q, block * ROWS, temperature, scale).map_err(failed("contrast the views"))?;
            Ok(InfoNce { loss, of_p: values(&of_p)?, of_q: values(&of_q)? })
        })
        .collect::<Result<_>>()?;
    let mut whole = InfoNce { loss: 0.0, of_p: Vec::with_capacity(p.len()), of_q: vec![0.0; q.len()] };
    for block in blocks {
        whole.loss += block.loss / rows as f64;
        whole.of_p.extend(block.of_p);
        add(&mut whole.of_q, &block.of_q);
    }
    Ok(whole)
}

/// The summed loss of some rows, whose own partners start at row `first` of Q, and the gradients times `scale`.
pub(crate) fn block_loss(
    p: &Tensor,
    q: &Tensor,
    first: usize,
    temperature: f64,
    scale: f64,
) -> std::result::Result<(f64, Tensor, Tensor), TchError> {
    let softmax = p.f_mul_scalar(1.0 / temperature)?.f_matmul(&q.f_transpose(0, 1)?)?.f_softmax(1, Kind::Float)?;
    let mut diagonal = softmax.f_diagonal(first as i64, 0, 1)?;
    // At extreme temperatures a probability underflows; only the reported loss is clamped, never the gradient.
    let loss = diagonal.f_clamp_min(f64::from(f32::MIN_POSITIVE))?.f_log()?.f_neg()?.f_sum(Kind::Double)?;
    // What is left is the gradient of the logits: the softmax minus 1 at the row's own partner.
    drop(diagonal.f_sub_scalar_(1.0)?);
    let of_p = softmax.f_matmul(q)?.f_mul_scalar(scale)?;
    let of_q = softmax.f_transpose(0, 1)?.f_matmul(p)?.f_mul_scalar(scale)?;
    Ok((f64::try_from(loss)?, of_p, of_q))
}
