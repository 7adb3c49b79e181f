//! Tokenizers of a language model's folder.

use contract::{Failure, FailureKind, Result};
use std::path::Path;
use tokenizers::Tokenizer;

/// Reads `tokenizer.json` of a model's folder.
///
/// # Errors
/// When it is absent or no tokenizer.
pub fn read_tokenizer(folder: &Path) -> Result<Tokenizer> {
    let path = folder.join("tokenizer.json");
    if !path.is_file() {
        return Err(Failure::new(FailureKind::DamagedFile, format!("{} does not exist", path.display()))
            .hint("convert the model's tokenizer to tokenizer.json, as the transformers library does on saving"));
    }
    Tokenizer::from_file(&path).map_err(|error| Failure::reading(&path, error))
}

/// Writes `tokenizer.json` to a model's folder.
///
/// # Errors
/// When it cannot be written.
pub fn write_tokenizer(folder: &Path, tokenizer: &Tokenizer) -> Result<()> {
    let path = folder.join("tokenizer.json");
    tokenizer.save(&path, true).map_err(|error| Failure::writing(&path, error))
}
