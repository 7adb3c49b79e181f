//! A language model of any layout that is read, as a Hugging Face folder.

use crate::checkpoint::stored_kind;
use crate::llama::Llama;
use crate::settings::copy_settings;
use crate::tokenizer::{read_tokenizer, write_tokenizer};
use contract::Result;
use std::path::Path;
use tch::Device;

/// Writes a model, such as a GGUF file, as a Hugging Face folder: configuration, weights, tokenizer and settings. With `layers`
/// its first blocks only, and the final norm behind them.
///
/// Weights are in the kind in which the embedding is stored, f32 where that is quantised.
///
/// # Errors
/// When a file is absent or damaged, the model is not supported, or a file cannot be written.
pub fn write_hugging_face(model: &Path, layers: Option<i64>, output: &Path) -> Result<()> {
    Llama::load_layers(model, layers, Device::Cpu, stored_kind(model)?)?.save(output)?;
    write_tokenizer(output, &read_tokenizer(model)?)?;
    copy_settings(model, output)
}
