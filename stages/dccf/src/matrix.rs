//! Rows of numbers as tensors and back, for the dense products.

use contract::Result;
use nn::failed;
use tch::{Kind, Tensor};

/// The rows as a tensor `[rows, columns]`.
pub(crate) fn tensor(values: &[f32], columns: usize) -> Result<Tensor> {
    Tensor::f_from_slice(values).and_then(|flat| flat.f_view([-1, columns as i64])).map_err(failed("make a tensor"))
}

/// Copies a tensor's numbers, row by row, into `values`, which must have as many.
pub(crate) fn copy(tensor: &Tensor, values: &mut [f32]) -> Result<()> {
    tensor
        .f_to_kind(Kind::Float)
        .and_then(|tensor| tensor.f_contiguous())
        .and_then(|tensor| tensor.f_copy_data(values, values.len()))
        .map_err(failed("read a tensor"))
}

/// A tensor's numbers, row by row.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let mut values = vec![0.0; tensor.numel()];
    copy(tensor, &mut values)?;
    Ok(values)
}
