//! Embeddings as rows of numbers, read from a file and brought to one scale.

use contract::{Failure, FailureKind, Result};
use frames::{Embeddings, EmbeddingsOf};
use nn::failed;
use std::path::Path;
use tch::{Kind, Tensor};

/// The largest squared length of a row: sums over a hundred million rows of that length are finite in 32 bits.
const LARGEST_SQUARE: f64 = 1e30;

/// A matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    /// Length of a row.
    pub dim: usize,
    /// `[rows, dim]`.
    pub values: Vec<f32>,
}

impl Rows {
    /// Reads the embeddings of items.
    ///
    /// # Errors
    /// When a number is not finite, or a row is so long that sums of squared distances would not be.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let Embeddings { dim, values } = Embeddings::read(folder, EmbeddingsOf::Items)?;
        let rows = Self { dim, values };
        match (0..rows.len()).find(|&row| rows.squared_length(row) > LARGEST_SQUARE) {
            None => Ok(rows),
            Some(row) => {
                let found = rows.squared_length(row);
                let message = format!(
                    "{}: item {row} has an embedding of squared length {found:.1e}, expected at most {LARGEST_SQUARE:.0e}",
                    folder.display()
                );
                Err(Failure::new(FailureKind::MalformedRow, message).hint("divide all embeddings by one number"))
            }
        }
    }

    fn squared_length(&self, row: usize) -> f64 {
        self.row(row).iter().map(|value| f64::from(*value).powi(2)).sum()
    }

    /// The rows of a tensor `[rows, dim]`.
    pub(crate) fn of(tensor: &Tensor) -> Result<Self> {
        let &[count, dim] = tensor.size().as_slice() else {
            let message = format!("embeddings have the shape {:?}, expected [items, dimension]", tensor.size());
            return Err(Failure::new(FailureKind::Conflict, message));
        };
        if count == 0 || dim == 0 {
            return Err(Failure::new(
                FailureKind::NothingUsable,
                format!("embeddings have the shape [{count}, {dim}]"),
            ));
        }
        let mut values = vec![0.0; (count * dim) as usize];
        tensor
            .f_to_kind(Kind::Float)
            .and_then(|tensor| tensor.f_contiguous())
            .and_then(|tensor| tensor.f_copy_data(&mut values, (count * dim) as usize))
            .map_err(failed("read embeddings"))?;
        Ok(Self { dim: dim as usize, values })
    }

    /// The same as a tensor `[rows, dim]`.
    pub(crate) fn tensor(&self) -> Result<Tensor> {
        Tensor::f_from_slice(&self.values)
            .and_then(|flat| flat.f_view([-1, self.dim as i64]))
            .map_err(failed("make a tensor"))
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// One row.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// One row, to change.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.dim..][..self.dim]
    }

    /// The given rows, in that order.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        Self { dim: self.dim, values: rows.iter().flat_map(|&row| self.row(row)).copied().collect() }
    }

    /// Puts others at the places of these rows, in that order.
    pub(crate) fn replace(&mut self, rows: &[usize], others: &Self) {
        rows.iter().enumerate().for_each(|(place, &row)| self.row_mut(row).copy_from_slice(others.row(place)));
    }

    /// Root of the mean square of all numbers, or 1 where that is 0.
    pub(crate) fn scale(&self) -> f32 {
        let squares: f64 = self.values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let root = (squares / self.values.len() as f64).sqrt() as f32;
        if root > 0.0 { root } else { 1.0 }
    }

    /// The same with every number multiplied.
    pub(crate) fn times(&self, factor: f32) -> Self {
        Self { dim: self.dim, values: self.values.iter().map(|value| value * factor).collect() }
    }

    /// Mean over the rows of their squared lengths.
    pub(crate) fn mean_squared_length(&self) -> f64 {
        let squares: f64 = self.values.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        squares / self.len() as f64
    }

    /// Mean over the rows of their squared distance from the mean row.
    pub(crate) fn variance(&self) -> f64 {
        let mut mean = vec![0.0; self.dim];
        for row in self.values.chunks_exact(self.dim) {
            mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        mean.iter_mut().for_each(|sum| *sum /= self.len() as f64);
        let rows = self.values.chunks_exact(self.dim);
        let squares: f64 =
            rows.flat_map(|row| row.iter().zip(&mean)).map(|(&v, mean)| (f64::from(v) - mean).powi(2)).sum();
        squares / self.len() as f64
    }

    /// Rows of length 1; those of length 0 as they are. Their products are cosines.
    pub(crate) fn unit(&self) -> Self {
        let mut unit = self.clone();
        for row in unit.values.chunks_exact_mut(self.dim) {
            let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|value| *value /= length);
            }
        }
        unit
    }
}
