//! A LLaMA in one GGUF file, as llama.cpp has it: weights, configuration and tokenizer.
//!
//! Weights are dequantised while they are read. Its q and k rows are in the order of LLaMA's first implementation, in which
//! feature 2j of a head is rotated with 2j + 1; they are put back into the order of the Hugging Face layout.

mod config;
mod settings;
#[cfg(test)]
mod tests;
mod tokenizer;
mod weights;

pub(crate) use config::read_config;
pub(crate) use settings::write_settings;
pub(crate) use tokenizer::read_tokenizer;
pub(crate) use weights::{read_embedding, stored_kind};

use crate::safetensors_file;
use contract::{Failure, FailureKind, Result};
use gguf::{Gguf, GgufError};
use memmap2::Mmap;
use std::path::{Path, PathBuf};

/// A GGUF file in memory.
pub(crate) struct GgufFile {
    path: PathBuf,
    map: Mmap,
}

impl GgufFile {
    /// The file behind a model's path: that file, or the only one in a folder without `config.json`. None where the folder
    /// has another layout.
    pub(crate) fn find(model: &Path) -> Result<Option<Self>> {
        let path = if model.is_file() {
            model.to_owned()
        } else if model.join("config.json").is_file() || !model.is_dir() {
            return Ok(None);
        } else {
            let entries = fs_err::read_dir(model).map_err(|error| Failure::reading(model, error))?;
            let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.retain(|path| path.extension().is_some_and(|extension| extension == "gguf"));
            match files.len() {
                0 => return Ok(None),
                1 => files.remove(0),
                several => {
                    let message = format!("{} has {several} GGUF files, expected one", model.display());
                    return Err(Failure::new(FailureKind::Conflict, message)
                        .hint("name the file that is meant instead of the folder"));
                }
            }
        };
        Ok(Some(Self { map: safetensors_file::map(&path)?, path }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn parse(&self) -> Result<Gguf<'_>> {
        Gguf::parse(&self.map).map_err(|error| failure(&self.path, &error))
    }
}

/// Names the file of an error.
fn failure(path: &Path, error: &GgufError) -> Failure {
    let kind = match error {
        GgufError::Missing { .. } => FailureKind::MissingField,
        GgufError::Quantisation { .. } | GgufError::Unexpected { .. } => FailureKind::Conflict,
        _ => FailureKind::DamagedFile,
    };
    let hint = match error {
        GgufError::CutShort { .. } | GgufError::Damaged { .. } => Some("fetch the file again"),
        GgufError::Magic { .. } => Some("expected a Hugging Face folder or a GGUF file"),
        GgufError::Quantisation { .. } => {
            Some("take a file in another quantisation, such as Q4_K_M or Q8_0, or the Hugging Face folder")
        }
        _ => None,
    };
    let failure = Failure::new(kind, format!("cannot read {}: {error}", path.display()));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Says what in a file is not supported, or contradicts the rest of it.
fn unsupported(path: &Path, message: &str) -> Failure {
    Failure::new(FailureKind::Conflict, format!("{}: {message}", path.display()))
}
