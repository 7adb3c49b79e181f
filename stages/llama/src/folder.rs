//! The files of the Hugging Face layout beside the weights.

use crate::Parameters;
use crate::vocabulary::{BEGIN, END, PADDING, UNKNOWN};
use contract::{Failure, FailureKind, Result};
use frames::write_json;
use nn::LlamaConfig;
use serde_json::json;
use std::path::Path;
use tokenizers::Tokenizer;

/// Blocks of a model from nothing, where `layers` is 0.
const LAYERS: i64 = 4;

/// `config.json` of a model with that many tokens.
pub(crate) fn model_config(parameters: &Parameters, tokens: usize) -> Result<LlamaConfig> {
    let Parameters { hidden, heads, kv_heads, .. } = *parameters;
    if heads < 1 || kv_heads < 1 || hidden % heads != 0 || (hidden / heads) % 2 != 0 || heads % kv_heads != 0 {
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("hidden = {hidden}, heads = {heads} and kv_heads = {kv_heads} do not fit"),
        )
        .hint("hidden / heads must be an even number and kv_heads a divisor of heads"));
    }
    let fields = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": tokens,
        "hidden_size": hidden,
        "intermediate_size": parameters.intermediate,
        "num_hidden_layers": if parameters.layers == 0 { LAYERS } else { parameters.layers },
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": parameters.context_length,
        "rope_theta": parameters.rope_theta,
        "rope_scaling": null,
        "tie_word_embeddings": parameters.tie_embeddings,
        "attention_bias": false,
        "mlp_bias": false,
        "attention_dropout": 0.0,
        "initializer_range": parameters.initializer_range,
        "bos_token_id": BEGIN.1,
        "eos_token_id": END.1,
        "pad_token_id": PADDING.1,
        "torch_dtype": "float32",
        "use_cache": true
    });
    serde_json::from_value(fields).map_err(|error| Failure::other("write config.json", error))
}

/// Writes `tokenizer.json`, `tokenizer_config.json` and `generation_config.json`.
pub(crate) fn write_tokenizer(folder: &Path, tokenizer: &Tokenizer, context_length: i64) -> Result<()> {
    nn::write_tokenizer(folder, tokenizer)?;
    let tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": UNKNOWN.0,
        "bos_token": BEGIN.0,
        "eos_token": END.0,
        "pad_token": PADDING.0,
        "model_max_length": context_length,
        "clean_up_tokenization_spaces": false
    });
    write_json(folder, "tokenizer_config.json", &tokenizer_config)?;
    let generation_config = json!({
        "bos_token_id": BEGIN.1,
        "eos_token_id": END.1,
        "pad_token_id": PADDING.1,
        "do_sample": false
    });
    write_json(folder, "generation_config.json", &generation_config)
}
