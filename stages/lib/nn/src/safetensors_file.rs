//! Named tensors in `.safetensors` files.

use crate::failed;
use crate::finite::check_tensor;
use contract::{Failure, FailureKind, Result};
use frames::NotFinite;
use memmap2::Mmap;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Reads all tensors of a file to the CPU, in the kinds in which they are stored.
///
/// # Errors
/// When the file is absent, truncated or of no known format, or a number in it is not finite.
pub fn read(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let mut tensors = BTreeMap::new();
    read_each(path, |name, tensor| {
        check_read(path, name, &tensor)?;
        tensors.insert(name.to_owned(), tensor);
        Ok(())
    })?;
    Ok(tensors)
}

/// Refuses a tensor that was read from that file when a number in it is not finite.
///
/// # Errors
/// When a number is NaN or infinite; the message names the file, the tensor and the rows.
pub fn check_read(path: &Path, name: &str, tensor: &Tensor) -> Result<()> {
    check_tensor(name, tensor, |found| found.read_from(path))
}

/// Hands each tensor of a file to `take`, one at a time, so that no second copy of the file is held. Numbers need
/// not be finite.
///
/// # Errors
/// When the file is absent, truncated or of no known format, or `take` fails.
pub fn read_each(path: &Path, mut take: impl FnMut(&str, Tensor) -> Result<()>) -> Result<()> {
    let map = map(path)?;
    let file = SafeTensors::deserialize(&map).map_err(|error| Failure::reading(path, error))?;
    for (name, view) in file.iter() {
        take(name, tensor_of(path, name, &view)?)?;
    }
    Ok(())
}

/// Reads one tensor of a file, if it has it.
///
/// # Errors
/// When the file is absent, truncated or of no known format.
pub fn read_one(path: &Path, name: &str) -> Result<Option<Tensor>> {
    let map = map(path)?;
    let file = SafeTensors::deserialize(&map).map_err(|error| Failure::reading(path, error))?;
    file.tensor(name).ok().map(|view| tensor_of(path, name, &view)).transpose()
}

/// The kind of one tensor of a file, if it has it.
///
/// # Errors
/// When the file is absent, truncated or of no known format.
pub fn kind_of_one(path: &Path, name: &str) -> Result<Option<Kind>> {
    let map = map(path)?;
    let file = SafeTensors::deserialize(&map).map_err(|error| Failure::reading(path, error))?;
    file.tensor(name).ok().map(|view| known_kind(path, name, view.dtype())).transpose()
}

/// Writes tensors to a file. Equal tensors give equal bytes, whatever their order.
///
/// # Errors
/// [`FailureKind::Diverged`] when a number is not finite; the message names the tensor and the rows. When the file cannot
/// be written or a tensor is of a kind that the format does not have.
pub fn write(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let mut stored = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        check_tensor(name, tensor, NotFinite::computed)?;
        stored.push((name.as_str(), Stored::new(tensor)?));
    }
    // Readers of the Hugging Face family ask for this entry.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(stored, Some(metadata), path).map_err(|error| Failure::writing(path, error))
}

fn tensor_of(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Tensor> {
    let shape: Vec<i64> = view.shape().iter().map(|&size| size.cast_signed() as i64).collect();
    let kind = known_kind(path, name, view.dtype())?;
    Tensor::f_from_data_size(view.data(), &shape, kind).map_err(failed("read a tensor"))
}

fn known_kind(path: &Path, name: &str, dtype: Dtype) -> Result<Kind> {
    kind_of(dtype).ok_or_else(|| {
        let message = format!("{}: tensor '{name}' is of type {dtype:?}, which is not supported", path.display());
        Failure::new(FailureKind::DamagedFile, message)
    })
}

/// A file in memory.
pub(crate) fn map(path: &Path) -> Result<Mmap> {
    let file = fs_err::File::open(path).map_err(|error| Failure::reading(path, error))?;
    #[expect(unsafe_code, reason = "memory-mapping spares a second copy of the weights in memory")]
    // SAFETY: inputs are read-only artifacts or files that no one changes while a stage reads them; the map is only
    // read, and dropped before this module returns.
    unsafe { Mmap::map(file.file()) }.map_err(|error| Failure::reading(path, error))
}

struct Stored {
    tensor: Tensor,
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: usize,
}

impl Stored {
    fn new(tensor: &Tensor) -> Result<Self> {
        let tensor = tensor
            .f_detach()
            .and_then(|tensor| tensor.f_to_device(Device::Cpu))
            .and_then(|tensor| tensor.f_contiguous())
            .map_err(failed("write a tensor"))?;
        let dtype = dtype_of(tensor.kind()).ok_or_else(|| {
            Failure::other("write a tensor", format!("kind {:?} has no safetensors type", tensor.kind()))
        })?;
        let shape = tensor.size().iter().map(|&size| size.cast_unsigned() as usize).collect();
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        Ok(Self { tensor, shape, dtype, bytes })
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = vec![0; self.bytes];
        self.tensor.copy_data_u8(&mut bytes, self.tensor.numel());
        bytes.into()
    }
    fn data_len(&self) -> usize {
        self.bytes
    }
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::BOOL => Kind::Bool,
        Dtype::U8 => Kind::Uint8,
        Dtype::I8 => Kind::Int8,
        Dtype::I16 => Kind::Int16,
        Dtype::I32 => Kind::Int,
        Dtype::I64 => Kind::Int64,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        _ => return None,
    })
}

fn dtype_of(kind: Kind) -> Option<Dtype> {
    Some(match kind {
        Kind::Bool => Dtype::BOOL,
        Kind::Uint8 => Dtype::U8,
        Kind::Int8 => Dtype::I8,
        Kind::Int16 => Dtype::I16,
        Kind::Int => Dtype::I32,
        Kind::Int64 => Dtype::I64,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Half => Dtype::F16,
        Kind::Float => Dtype::F32,
        Kind::Double => Dtype::F64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_come_back_and_their_order_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let matrix = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        let transposed = matrix.tr();
        let numbers = Tensor::from_slice(&[7i64, 8]);
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let named = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.shallow_clone());
        write(&first, &[named("a", &transposed), named("b", &numbers)]).unwrap();
        write(&second, &[named("b", &numbers), named("a", &transposed)]).unwrap();
        assert_eq!(fs_err::read(&first).unwrap(), fs_err::read(&second).unwrap());
        let read = read(&first).unwrap();
        assert_eq!(read["a"], transposed);
        assert_eq!(read["b"], numbers);
    }

    #[test]
    fn numbers_that_are_not_finite_are_neither_written_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        for kind in [Kind::Half, Kind::BFloat16, Kind::Float, Kind::Double] {
            let broken = Tensor::from_slice(&[0f32, 1.0, f32::INFINITY, 2.0]).view([2, 2]).to_kind(kind);
            let failure = write(&path, &[("a".to_owned(), broken.shallow_clone())]).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Diverged);
            let expected = "tensor 'a': 1 of 2 rows have a number that is not finite: row 1 (column 0 is inf)";
            assert_eq!(failure.message, expected);
            assert!(!path.exists());
            Tensor::write_safetensors(&[("a", broken)], &path).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!(failure.kind, FailureKind::MalformedRow);
            assert_eq!(failure.message, format!("{}: {expected}", path.display()));
            fs_err::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        write(&path, &[("a".to_owned(), Tensor::ones([10], (Kind::Float, Device::Cpu)))]).unwrap();
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().kind, FailureKind::DamagedFile);
    }
}
