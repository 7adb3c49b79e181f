//! A file: its metadata, and its tensors by name.

use crate::dequantise::dequantise;
use crate::metadata::Metadata;
use crate::quantisation::Quantisation;
use crate::reader::Reader;
use crate::{GgufError, Result};
use std::collections::BTreeMap;

/// A GGUF file over its bytes, such as those of a memory map.
#[derive(Clone, Debug)]
pub struct Gguf<'a> {
    metadata: Metadata<'a>,
    tensors: BTreeMap<&'a str, TensorView<'a>>,
}

/// A tensor as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorView<'a> {
    name: &'a str,
    shape: Vec<u64>,
    stored: Stored,
    bytes: &'a [u8],
}

/// How it is stored.
#[derive(Clone, Debug, PartialEq)]
enum Stored {
    As(Quantisation),
    /// In a way that is not read.
    Unread(String),
}

/// What the header says of a tensor.
struct Described<'a> {
    name: &'a str,
    shape: Vec<u64>,
    stored: Stored,
    offset: u64,
    at: u64,
}

impl<'a> Gguf<'a> {
    /// Reads the header and finds the tensors' bytes; nothing is dequantised yet.
    ///
    /// # Errors
    /// When the bytes are not a whole GGUF file of version 2 or 3.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let magic: [u8; 4] = reader.array("the magic number")?;
        if magic != *b"GGUF" {
            return Err(GgufError::Magic { found: magic.escape_ascii().to_string() });
        }
        let version = reader.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version { found: version });
        }
        let (tensors, pairs) = (reader.u64("the number of tensors")?, reader.u64("the number of metadata pairs")?);
        let metadata = Metadata::read(&mut reader, pairs)?;
        // A name's length, the number of dimensions, a type and an offset.
        const LEAST: u64 = 8 + 4 + 4 + 8;
        reader.check(tensors.saturating_mul(LEAST), &format!("a list of {tensors} tensors"))?;
        let described = (0..tensors).map(|_| describe(&mut reader)).collect::<Result<Vec<_>>>()?;
        let start = data_start(&metadata, reader.at())?;
        let mut by_name = BTreeMap::new();
        for tensor in described {
            let at = tensor.at;
            let (name, view) = (tensor.name, tensor.find(bytes, start)?);
            if by_name.insert(name, view).is_some() {
                return Err(GgufError::Damaged { problem: format!("the tensor '{name}' is there twice"), at });
            }
        }
        Ok(Self { metadata, tensors: by_name })
    }

    /// Its metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.metadata
    }

    /// A tensor, if there is one of that name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorView<'a>> {
        self.tensors.get(name)
    }

    /// All tensors, by name.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorView<'a>> {
        self.tensors.values()
    }
}

impl<'a> TensorView<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its sizes, rows first, as PyTorch has them.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// How it is stored.
    ///
    /// # Errors
    /// When it is stored in a way that is not read.
    pub fn quantisation(&self) -> Result<Quantisation> {
        match &self.stored {
            Stored::As(quantisation) => Ok(*quantisation),
            Stored::Unread(name) => Err(GgufError::Quantisation { tensor: self.name.to_owned(), found: name.clone() }),
        }
    }

    /// Its numbers, rows first.
    ///
    /// # Errors
    /// When it is stored in a way that is not read.
    pub fn dequantise(&self) -> Result<Vec<f32>> {
        Ok(dequantise(self.quantisation()?, self.bytes))
    }
}

impl<'a> Described<'a> {
    /// Finds the tensor's bytes in a file whose data begin at `start`.
    fn find(self, file: &'a [u8], start: u64) -> Result<TensorView<'a>> {
        let Self { name, shape, stored, offset, at } = self;
        let damaged = |problem: String| GgufError::Damaged { problem, at };
        let too_large = || damaged(format!("the tensor '{name}' is larger than any file: {shape:?}"));
        let bytes = match stored {
            Stored::As(quantisation) => {
                let (block, block_bytes) = (quantisation.block() as u64, quantisation.block_bytes() as u64);
                let columns = shape.last().copied().unwrap_or(1);
                if columns % block != 0 {
                    let problem = format!("the tensor '{name}' has {columns} columns, expected a multiple of {block}");
                    return Err(damaged(problem));
                }
                let numbers = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size));
                let length =
                    numbers.and_then(|numbers| (numbers / block).checked_mul(block_bytes)).ok_or_else(too_large)?;
                let begin = start.checked_add(offset).ok_or_else(too_large)?;
                let left = (file.len() as u64).saturating_sub(begin);
                if length > left {
                    let label = format!("the tensor '{name}'");
                    return Err(GgufError::CutShort { label, at: begin, needed: length, left });
                }
                &file[begin.min(file.len() as u64) as usize..][..length as usize]
            }
            Stored::Unread(_) => &[],
        };
        Ok(TensorView { name, shape, stored, bytes })
    }
}

fn describe<'a>(reader: &mut Reader<'a>) -> Result<Described<'a>> {
    const MOST: u32 = 4;
    let at = reader.at();
    let name = reader.string("the name of a tensor")?;
    let dimensions = reader.u32(name)?;
    if dimensions > MOST {
        let problem = format!("the tensor '{name}' has {dimensions} dimensions, expected at most {MOST}");
        return Err(GgufError::Damaged { problem, at });
    }
    let mut shape = (0..dimensions).map(|_| reader.u64(name)).collect::<Result<Vec<_>>>()?;
    shape.reverse();
    let number = reader.u32(name)?;
    let stored = Quantisation::of(number).map_or_else(Stored::Unread, Stored::As);
    Ok(Described { name, shape, stored, offset: reader.u64(name)?, at })
}

/// Where the tensors' bytes begin, after a header that ends at `end`.
fn data_start(metadata: &Metadata<'_>, end: u64) -> Result<u64> {
    const KEY: &str = "general.alignment";
    let alignment = metadata.unsigned(KEY)?.unwrap_or(32);
    if !alignment.is_power_of_two() || alignment > 1 << 20 {
        let expected = "a power of two up to 1,048,576".to_owned();
        return Err(GgufError::Unexpected { key: KEY.to_owned(), found: alignment.to_string(), expected });
    }
    Ok(end.next_multiple_of(alignment))
}
