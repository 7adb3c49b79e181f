//! Reads GGUF, the file format of llama.cpp: metadata and tensors of a model in one file.
//!
//! ```text
//! "GGUF"  version u32  tensors u64  pairs u64
//! pairs:    key string, type u32, value
//! tensors:  name string, dimensions u32, sizes u64 each (columns first), type u32, offset u64
//! padding to `general.alignment` (32), then the tensors' bytes
//! ```
//!
//! All numbers are little-endian; a string is its length as u64 and its bytes. Nothing of a file is believed: every length is
//! compared with the bytes that are left before anything is allocated, so a damaged file is an error and never a panic.
//! The layouts of quantised blocks are those of ggml (`ggml-common.h`, `ggml-quants.c`).

mod dequantise;
mod error;
mod file;
mod metadata;
mod quantisation;
mod reader;

pub use error::GgufError;
pub use file::{Gguf, TensorView};
pub use metadata::{Metadata, Value};
pub use quantisation::Quantisation;

/// The result of reading a file.
pub type Result<T> = std::result::Result<T, GgufError>;
