//! What can be wrong with a file.

use thiserror::Error;

/// Why a GGUF file cannot be read. Positions are bytes from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GgufError {
    /// The first four bytes are not those of the format.
    #[error("it is no GGUF file: it begins with \"{found}\", expected \"GGUF\"")]
    Magic {
        /// The first bytes, those that cannot be printed escaped.
        found: String,
    },
    /// A version of the format that is not read.
    #[error("its version of GGUF is {found}, expected 2 or 3")]
    Version {
        /// The version that the file names.
        found: u32,
    },
    /// The file ends within something.
    #[error("it is cut short: {label} at byte {at} needs {needed} bytes, {left} are left")]
    CutShort {
        /// The name of what is not there whole.
        label: String,
        /// Where it begins.
        at: u64,
        /// Its length in bytes.
        needed: u64,
        /// The bytes from there to the end of the file.
        left: u64,
    },
    /// Something that the format does not allow.
    #[error("it is damaged: {problem} at byte {at}")]
    Damaged {
        /// What was found and expected.
        problem: String,
        /// Where it is.
        at: u64,
    },
    /// A tensor is of a type that is not read.
    #[error(
        "tensor '{tensor}' has the quantisation {found}, which is not read; expected one of {}",
        crate::Quantisation::NAMES
    )]
    Quantisation {
        /// The tensor.
        tensor: String,
        /// The name of the quantisation, or its number where it has none here.
        found: String,
    },
    /// A key of the metadata is absent.
    #[error("its metadata has no '{key}'")]
    Missing {
        /// The key.
        key: String,
    },
    /// A value of the metadata is of another type, or of no use.
    #[error("its metadata has '{key}' = {found}, expected {expected}")]
    Unexpected {
        /// The key.
        key: String,
        /// The value that was found, in words.
        found: String,
        /// What was expected.
        expected: String,
    },
}
