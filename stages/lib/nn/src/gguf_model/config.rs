//! The metadata of a GGUF file as `config.json` of the Hugging Face layout.

use super::{failure, unsupported};
use crate::llama_config::LlamaConfig;
use contract::{Failure, Result};
use gguf::{Gguf, GgufError, TensorView};
use serde_json::{Value, json};
use std::path::Path;

/// The tensor of the input embedding.
pub(super) const EMBEDDING: &str = "token_embd.weight";
/// The tensor of a head of its own.
const HEAD: &str = "output.weight";
/// The ids of special tokens: in the metadata, and in `config.json`.
const IDS: [(&str, &str); 3] = [
    ("tokenizer.ggml.bos_token_id", "bos_token_id"),
    ("tokenizer.ggml.eos_token_id", "eos_token_id"),
    ("tokenizer.ggml.padding_token_id", "pad_token_id"),
];

/// The shape of the model.
///
/// # Errors
/// When a field is absent or of no use, or asks for something that this LLaMA does not have; the message names it.
pub(crate) fn read_config(path: &Path, gguf: &Gguf<'_>) -> Result<LlamaConfig> {
    refuse_other_models(path, gguf)?;
    let read = |error: GgufError| failure(path, &error);
    let mut fields = fields(gguf).map_err(read)?;
    for (key, field) in IDS {
        if let Some(id) = gguf.metadata().unsigned(key).map_err(read)? {
            fields[field] = id.into();
        }
    }
    let config: LlamaConfig = serde_json::from_value(fields).map_err(|error| Failure::reading(path, error))?;
    config.check(path)?;
    Ok(config)
}

fn fields(gguf: &Gguf<'_>) -> gguf::Result<Value> {
    let metadata = gguf.metadata();
    let optional = |name: &str| size(gguf, &format!("llama.{name}"));
    let required = |name: &str| metadata.required(&format!("llama.{name}"), optional(name));
    let float = |name: &str| metadata.float(&format!("llama.{name}"));
    let heads = required("attention.head_count")?;
    let embedding = gguf.tensor(EMBEDDING).map(TensorView::shape);
    let rows = embedding.and_then(<[u64]>::first).ok_or_else(|| GgufError::Missing { key: EMBEDDING.to_owned() })?;
    let mut fields = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": rows,
        "hidden_size": required("embedding_length")?,
        "intermediate_size": required("feed_forward_length")?,
        "num_hidden_layers": required("block_count")?,
        "num_attention_heads": heads,
        "num_key_value_heads": optional("attention.head_count_kv")?.unwrap_or(heads),
        "hidden_act": "silu",
        "rms_norm_eps": metadata
            .required("llama.attention.layer_norm_rms_epsilon", float("attention.layer_norm_rms_epsilon"))?,
        "max_position_embeddings": optional("context_length")?.unwrap_or(2048),
        "rope_theta": float("rope.freq_base")?.unwrap_or(10_000.0),
        "tie_word_embeddings": gguf.tensor(HEAD).is_none(),
        "attention_bias": false,
        "mlp_bias": false,
    });
    if let Some(width) = optional("attention.key_length")?.or(optional("rope.dimension_count")?) {
        fields["head_dim"] = width.into();
    }
    if metadata.text("llama.rope.scaling.type")? == Some("linear") {
        let factor = metadata.required("llama.rope.scaling.factor", float("rope.scaling.factor"))?;
        fields["rope_scaling"] = json!({"rope_type": "linear", "factor": factor});
    }
    Ok(fields)
}

/// A size, which no model has above a billion.
fn size(gguf: &Gguf<'_>, key: &str) -> gguf::Result<Option<u64>> {
    const MOST: u64 = 1_000_000_000;
    match gguf.metadata().unsigned(key)? {
        Some(size) if size > MOST => Err(GgufError::Unexpected {
            key: key.to_owned(),
            found: size.to_string(),
            expected: format!("at most {MOST}"),
        }),
        size => Ok(size),
    }
}

/// Says what in the file cannot be computed.
fn refuse_other_models(path: &Path, gguf: &Gguf<'_>) -> Result<()> {
    let metadata = gguf.metadata();
    let read = |error: GgufError| failure(path, &error);
    let architecture =
        metadata.required("general.architecture", metadata.text("general.architecture")).map_err(read)?;
    if architecture != "llama" {
        let message = format!("the architecture is {architecture}, which is not supported; expected llama");
        return Err(unsupported(path, &message));
    }
    let number = |key: &str| size(gguf, key).map_err(read);
    if let Some(experts) = number("llama.expert_count")?.filter(|&experts| experts > 0) {
        return Err(unsupported(path, &format!("it has {experts} experts, which is not supported; expected none")));
    }
    let (rotated, width) = (number("llama.rope.dimension_count")?, number("llama.attention.key_length")?);
    if let (Some(rotated), Some(width)) = (rotated, width)
        && rotated != width
    {
        let message = format!("{rotated} of {width} features of a head are rotated, expected all");
        return Err(unsupported(path, &message));
    }
    let scaling = metadata.text("llama.rope.scaling.type").map_err(read)?.unwrap_or("none");
    if !["none", "linear"].contains(&scaling) {
        let message = format!("llama.rope.scaling.type is {scaling}, which is not supported; expected none or linear");
        return Err(unsupported(path, &message));
    }
    let unread = gguf.tensors().find(|tensor| tensor.name() == "rope_freqs.weight" || tensor.name().ends_with(".bias"));
    match unread {
        Some(tensor) => Err(unsupported(path, &format!("the tensor '{}' is not supported", tensor.name()))
            .hint("take the model's Hugging Face folder")),
        None => Ok(()),
    }
}
