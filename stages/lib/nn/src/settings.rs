//! What a model's folder says of its tokenizer and of generation, beside weights and vocabulary.

use crate::gguf_model::{GgufFile, write_settings};
use contract::{Failure, Result};
use std::path::Path;

/// Copies these settings, those that there are, from one model's folder to another, or from a GGUF file to a folder.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy_settings(from: &Path, to: &Path) -> Result<()> {
    if let Some(file) = GgufFile::find(from)? {
        return write_settings(&file, to);
    }
    for name in ["tokenizer_config.json", "special_tokens_map.json", "generation_config.json"] {
        let source = from.join(name);
        if source.is_file() {
            let bytes = fs_err::read(&source).map_err(|error| Failure::reading(&source, error))?;
            let target = to.join(name);
            fs_err::write(&target, bytes).map_err(|error| Failure::writing(&target, error))?;
        }
    }
    Ok(())
}
