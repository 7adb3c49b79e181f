//! Tokenizers of a language model's folder.

use crate::gguf_model::{self, GgufFile};
use crate::sentencepiece;
use contract::{Failure, FailureKind, Result};
use std::path::Path;
use tokenizers::Tokenizer;

/// Reads `tokenizer.json` of a model's folder, or `tokenizer.model` where there is no such file; or what a GGUF file has.
///
/// # Errors
/// When both are absent, or the file is no tokenizer.
pub fn read_tokenizer(folder: &Path) -> Result<Tokenizer> {
    if let Some(file) = GgufFile::find(folder)? {
        return gguf_model::read_tokenizer(file.path(), &file.parse()?);
    }
    let (path, pieces) = (folder.join("tokenizer.json"), folder.join("tokenizer.model"));
    if path.is_file() {
        return Tokenizer::from_file(&path).map_err(|error| Failure::reading(&path, error));
    }
    if pieces.is_file() {
        return sentencepiece::read(&pieces);
    }
    let message = format!("{} has neither tokenizer.json nor tokenizer.model", folder.display());
    Err(Failure::new(FailureKind::DamagedFile, message).hint("put the model's tokenizer beside its weights"))
}

/// Writes `tokenizer.json` to a model's folder.
///
/// # Errors
/// When it cannot be written.
pub fn write_tokenizer(folder: &Path, tokenizer: &Tokenizer) -> Result<()> {
    let path = folder.join("tokenizer.json");
    tokenizer.save(&path, true).map_err(|error| Failure::writing(&path, error))
}
