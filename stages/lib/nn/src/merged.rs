//! A tuned model as one plain folder that needs no adapter.

use crate::adapter;
use crate::checkpoint::stored_kind;
use crate::llama::Llama;
use crate::settings::copy_settings;
use crate::tokenizer::{read_tokenizer, write_tokenizer};
use contract::Result;
use std::path::Path;
use tch::Device;

/// Writes the tuned model in the Hugging Face layout, in the kind in which its weights are stored: an adapter becomes
/// part of its base's, W + (α / r) · B A. Says whether there was one.
///
/// # Errors
/// When a file is absent or damaged, base and adapter do not fit, or a file cannot be written.
pub fn write_merged(base: &Path, tuned: &Path, output: &Path) -> Result<bool> {
    let is_adapter = tuned.join(adapter::CONFIG).is_file();
    let weights = if is_adapter { base } else { tuned };
    let mut model = Llama::load(weights, Device::Cpu, stored_kind(weights)?)?;
    if is_adapter {
        model.load_adapter(tuned)?;
        model.merge_adapter()?;
    }
    model.save(output)?;
    write_tokenizer(output, &read_tokenizer(tuned)?)?;
    copy_settings(tuned, output)?;
    Ok(is_adapter)
}
