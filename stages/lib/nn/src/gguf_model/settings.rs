//! What a Hugging Face folder has beside weights and vocabulary, from the metadata of a GGUF file.

use super::{GgufFile, failure};
use contract::Result;
use frames::write_json;
use gguf::Value;
use serde_json::{Map, json};
use std::path::Path;

/// Writes `tokenizer_config.json` and `generation_config.json` to a folder.
pub(crate) fn write_settings(file: &GgufFile, folder: &Path) -> Result<()> {
    let gguf = file.parse()?;
    let metadata = gguf.metadata();
    let read = |error| failure(file.path(), &error);
    let context = metadata.unsigned("llama.context_length").map_err(read)?.unwrap_or(2048);
    let mut tokenizer = Map::from_iter([
        ("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast")),
        ("model_max_length".to_owned(), json!(context)),
        ("clean_up_tokenization_spaces".to_owned(), json!(false)),
    ]);
    let mut generation = Map::from_iter([("do_sample".to_owned(), json!(false))]);
    for (key, name) in [("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad")] {
        let id = metadata.unsigned(&format!("tokenizer.ggml.{key}_token_id")).map_err(read)?;
        let Some(id) = id else { continue };
        if let Some(Value::Array(tokens)) = metadata.get("tokenizer.ggml.tokens")
            && let Some(Value::Text(token)) = tokens.get(id as usize)
        {
            tokenizer.insert(format!("{name}_token"), json!(token));
        }
        if name != "unk" {
            generation.insert(format!("{name}_token_id"), json!(id));
        }
    }
    if let Some(template) = metadata.text("tokenizer.chat_template").map_err(read)? {
        tokenizer.insert("chat_template".to_owned(), json!(template));
    }
    write_json(folder, "tokenizer_config.json", &tokenizer)?;
    write_json(folder, "generation_config.json", &generation)
}
