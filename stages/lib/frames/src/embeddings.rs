//! A vector for each item or user.

use crate::finite::{NotFinite, Rows, check_finite};
use contract::{Failure, FailureKind, Result};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

const FILE: &str = "embeddings.safetensors";

/// What embeddings are of. It names the tensor in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddingsOf {
    /// Items, in the order of their numbers.
    Items,
    /// Users, in the order of their numbers.
    Users,
}

impl EmbeddingsOf {
    fn tensor(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Users => "users",
        }
    }

    fn row(self) -> &'static str {
        match self {
            Self::Items => "item",
            Self::Users => "user",
        }
    }
}

/// A matrix with a row for each item or user; every number is finite once it is read or written.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// The length of a row.
    pub dim: usize,
    /// `[rows, dim]`, row by row.
    pub values: Vec<f32>,
}

impl Embeddings {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Reads `embeddings.safetensors` of a folder. Numbers of 16 and of 64 bits become numbers of 32.
    ///
    /// # Errors
    /// When the file is missing or damaged, has no such tensor or one that is no matrix, or a number is not finite.
    pub fn read(folder: &Path, of: EmbeddingsOf) -> Result<Self> {
        let path = folder.join(FILE);
        let bytes = fs_err::read(&path).map_err(|error| Failure::reading(&path, error))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| Failure::reading(&path, error))?;
        let Ok(view) = file.tensor(of.tensor()) else {
            let message = format!("{} has no tensor '{}'; it has {:?}", path.display(), of.tensor(), file.names());
            return Err(Failure::new(FailureKind::MissingField, message));
        };
        let &[rows, dim] = view.shape() else {
            let expected = format!("[{}s, dimension]", of.row());
            let message =
                format!("{}: embeddings have the shape {:?}, expected {expected}", path.display(), view.shape());
            return Err(Failure::new(FailureKind::Conflict, message));
        };
        if rows == 0 || dim == 0 {
            let message = format!("{}: embeddings have the shape [{rows}, {dim}]", path.display());
            return Err(Failure::new(FailureKind::NothingUsable, message));
        }
        let values = numbers(&view).ok_or_else(|| {
            let message = format!("{}: embeddings are of type {:?}, expected F32", path.display(), view.dtype());
            Failure::new(FailureKind::MissingField, message)
        })?;
        check_finite("embeddings", &values, dim, Rows::of(of.row(), None)).map_err(|found| found.read_from(&path))?;
        Ok(Self { dim, values })
    }

    /// Writes `embeddings.safetensors` to a folder. `ids` are the original identifiers of the rows, where known.
    ///
    /// # Errors
    /// [`FailureKind::Diverged`] when a number is not finite; the message names the rows. When the file cannot be written.
    pub fn write(&self, folder: &Path, of: EmbeddingsOf, ids: Option<&[String]>) -> Result<()> {
        let path = folder.join(FILE);
        check_finite("embeddings", &self.values, self.dim, Rows::of(of.row(), ids)).map_err(NotFinite::computed)?;
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![self.len(), self.dim], &bytes)
            .map_err(|error| Failure::writing(&path, error))?;
        // Readers of the Hugging Face family ask for this entry.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize_to_file([(of.tensor(), view)], Some(metadata), &path)
            .map_err(|error| Failure::writing(&path, error))
    }
}

/// The numbers of a tensor; none where they are no floating-point numbers.
fn numbers(view: &TensorView<'_>) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| number(chunk)).collect()
    }
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, |chunk| f64::from_le_bytes(chunk) as f32),
        Dtype::F16 => each(bytes, |chunk| f16::from_le_bytes(chunk).to_f32()),
        Dtype::BF16 => each(bytes, |chunk| bf16::from_le_bytes(chunk).to_f32()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_items() -> Embeddings {
        Embeddings { dim: 3, values: vec![0.5, -1.0, 2.0, 3.0, 0.0, 1e30] }
    }

    fn write(folder: &Path, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) {
        let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        safetensors::serialize_to_file([(name, view)], None, &folder.join(FILE)).unwrap();
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        two_items().write(folder.path(), EmbeddingsOf::Items, None).unwrap();
        let read = Embeddings::read(folder.path(), EmbeddingsOf::Items).unwrap();
        assert_eq!((&read, read.len()), (&two_items(), 2));
        let failure = Embeddings::read(folder.path(), EmbeddingsOf::Users).unwrap_err();
        assert_eq!(failure.kind, FailureKind::MissingField);
        assert!(failure.message.ends_with("has no tensor 'users'; it has [\"items\"]"), "{failure}");
    }

    #[test]
    fn numbers_of_other_widths_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let numbers = [1.5_f32, -2.0];
        let halves: Vec<u8> = numbers.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        let brains: Vec<u8> = numbers.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect();
        let doubles: Vec<u8> = numbers.iter().flat_map(|&value| f64::from(value).to_le_bytes()).collect();
        for (dtype, bytes) in [(Dtype::F16, halves), (Dtype::BF16, brains), (Dtype::F64, doubles)] {
            write(folder.path(), "users", dtype, &[2, 1], &bytes);
            assert_eq!(Embeddings::read(folder.path(), EmbeddingsOf::Users).unwrap().values, numbers);
        }
        write(folder.path(), "users", Dtype::U8, &[2, 1], &[1, 2]);
        assert_eq!(Embeddings::read(folder.path(), EmbeddingsOf::Users).unwrap_err().kind, FailureKind::MissingField);
    }

    #[test]
    fn numbers_that_are_not_finite_are_neither_written_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let broken = Embeddings { dim: 1, values: vec![1.0, f32::NAN] };
        let ids = ["B1".to_owned(), "B2".to_owned()];
        let failure = broken.write(folder.path(), EmbeddingsOf::Items, Some(&ids)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Diverged);
        assert!(failure.message.contains("item 1 ('B2')") && !folder.path().join(FILE).exists(), "{failure}");
        let bytes: Vec<u8> = broken.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        write(folder.path(), "items", Dtype::F32, &[2, 1], &bytes);
        let failure = Embeddings::read(folder.path(), EmbeddingsOf::Items).unwrap_err();
        assert_eq!(failure.kind, FailureKind::MalformedRow);
        assert!(failure.message.contains("embeddings.safetensors: embeddings: 1 of 2 rows"), "{failure}");
    }

    #[test]
    fn shapes_other_than_a_matrix_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "items", Dtype::F32, &[1], &[0; 4]);
        assert_eq!(Embeddings::read(folder.path(), EmbeddingsOf::Items).unwrap_err().kind, FailureKind::Conflict);
        write(folder.path(), "items", Dtype::F32, &[0, 4], &[]);
        assert_eq!(Embeddings::read(folder.path(), EmbeddingsOf::Items).unwrap_err().kind, FailureKind::NothingUsable);
    }
}
