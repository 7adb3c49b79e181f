//! The weights of a GGUF file under their Hugging Face names.

use super::config::{EMBEDDING, read_config};
use super::{GgufFile, failure, unsupported};
use crate::llama::Llama;
use crate::llama_config::LlamaConfig;
use crate::{failed, safetensors_file};
use contract::{Failure, FailureKind, Result};
use gguf::{Gguf, Quantisation};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// The parts of a block: in the Hugging Face layout, and in a GGUF file.
const PARTS: [(&str, &str); 9] = [
    ("input_layernorm", "attn_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

impl Llama {
    /// Reads the weights of that shape from a GGUF file to the device, in that kind. One tensor at a time is dequantised.
    ///
    /// # Errors
    /// When the file is damaged, a weight is missing, not finite, of an unread quantisation or of another shape than the
    /// metadata says, or the model is of a family that is not supported.
    pub(crate) fn load_gguf(file: &GgufFile, config: LlamaConfig, device: Device, kind: Kind) -> Result<Self> {
        let gguf = file.parse()?;
        let shape = config.clone();
        Self::assemble(config, device, |name, expected| {
            let tensor = read(file.path(), &gguf, &gguf_name(name), expected)?;
            let placed = || {
                let heads = match name.rsplit('.').nth(1) {
                    Some("q_proj") => Some(shape.num_attention_heads),
                    Some("k_proj") => Some(shape.kv_heads()),
                    _ => None,
                };
                let ordered = match heads {
                    Some(heads) => in_halves(&tensor, heads, &shape)?,
                    None => tensor,
                };
                ordered.f_to_device(device)?.f_to_kind(kind)
            };
            placed().map_err(failed("place the weights on the device"))
        })
    }
}

/// The input-layer embedding `[V, h]`, as f32 on the CPU.
pub(crate) fn read_embedding(file: &GgufFile) -> Result<Tensor> {
    let gguf = file.parse()?;
    let config = read_config(file.path(), &gguf)?;
    read(file.path(), &gguf, EMBEDDING, &[config.vocab_size, config.hidden_size])
}

/// The kind that holds the embedding without loss.
pub(crate) fn stored_kind(file: &GgufFile) -> Result<Kind> {
    let gguf = file.parse()?;
    let tensor = gguf.tensor(EMBEDDING).ok_or_else(|| missing(file.path(), EMBEDDING))?;
    Ok(match tensor.quantisation().map_err(|error| failure(file.path(), &error))? {
        Quantisation::F16 => Kind::Half,
        Quantisation::Bf16 => Kind::BFloat16,
        _ => Kind::Float,
    })
}

/// The rows of q or k with the two features of a pair half a head apart.
fn in_halves(rows: &Tensor, heads: i64, config: &LlamaConfig) -> crate::Torch<Tensor> {
    rows.f_view([heads, config.head_width() / 2, 2, config.hidden_size])?.f_transpose(1, 2)?.f_reshape(rows.size())
}

/// The name in a GGUF file of a weight of the Hugging Face layout.
fn gguf_name(name: &str) -> String {
    match name {
        "model.embed_tokens.weight" => EMBEDDING.to_owned(),
        "model.norm.weight" => "output_norm.weight".to_owned(),
        "lm_head.weight" => "output.weight".to_owned(),
        _ => {
            let renamed = PARTS.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
            renamed.replace("model.layers.", "blk.")
        }
    }
}

/// Reads a tensor, which must have the shape that the metadata says: f32 on the CPU.
fn read(path: &Path, gguf: &Gguf<'_>, name: &str, shape: &[i64]) -> Result<Tensor> {
    let view = gguf.tensor(name).ok_or_else(|| missing(path, name))?;
    if !view.shape().iter().copied().eq(shape.iter().map(|size| size.cast_unsigned())) {
        let message = format!("'{name}' is {:?}, but the metadata says {shape:?}", view.shape());
        return Err(unsupported(path, &message));
    }
    let numbers = view.dequantise().map_err(|error| failure(path, &error))?;
    let tensor = Tensor::f_from_slice(&numbers).and_then(|tensor| tensor.f_view(shape));
    let tensor = tensor.map_err(failed("read a tensor"))?;
    safetensors_file::check_read(path, name, &tensor)?;
    Ok(tensor)
}

fn missing(path: &Path, name: &str) -> Failure {
    Failure::new(FailureKind::MissingField, format!("{} has no weight '{name}'", path.display()))
}
