//! The Adam optimiser (Kingma and Ba 2015) over tensors whose rows may be replaced between steps.

use tch::{TchError, Tensor};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// A trained tensor with the moments of its gradient.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The tensor, a leaf that records gradients.
    pub value: Tensor,
    first: Tensor,
    second: Tensor,
    step: i32,
}

impl Trained {
    /// Starts from `value`.
    pub(crate) fn new(value: &Tensor) -> Result<Self, TchError> {
        Ok(Self {
            value: value.f_detach_copy()?.f_set_requires_grad(true)?,
            first: value.f_zeros_like()?,
            second: value.f_zeros_like()?,
            step: 0,
        })
    }

    /// Takes one step against the gradient, if the last loss depended on this tensor, and clears it.
    pub(crate) fn step(&mut self, learning_rate: f64) -> Result<(), TchError> {
        let mut gradient = self.value.f_grad()?;
        if !gradient.defined() {
            return Ok(());
        }
        self.step += 1;
        let corrected = |beta: f64| 1.0 - beta.powi(self.step);
        let (rate, scale) = (learning_rate / corrected(BETA_1), corrected(BETA_2));
        self.first = self.first.f_mul_scalar(BETA_1)?.f_add(&gradient.f_mul_scalar(1.0 - BETA_1)?)?;
        self.second = self.second.f_mul_scalar(BETA_2)?.f_add(&gradient.f_square()?.f_mul_scalar(1.0 - BETA_2)?)?;
        let root = self.second.f_div_scalar(scale)?.f_sqrt()?.f_add_scalar(EPSILON)?;
        let change = self.first.f_div(&root)?.f_mul_scalar(rate)?;
        drop(tch::no_grad(|| self.value.f_sub_(&change))?);
        drop(gradient.f_zero_()?);
        Ok(())
    }

    /// Puts `rows` at the places `at`, with moments of zero.
    pub(crate) fn replace(&mut self, at: &Tensor, rows: &Tensor) -> Result<(), TchError> {
        let still = rows.f_zeros_like()?;
        tch::no_grad(|| -> Result<(), TchError> {
            drop(self.value.f_index_copy_(0, at, rows)?);
            drop(self.first.f_index_copy_(0, at, &still)?);
            drop(self.second.f_index_copy_(0, at, &still)?);
            Ok(())
        })
    }
}
