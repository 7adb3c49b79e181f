//! A LLaMA in the Hugging Face layout: `config.json` and `model.safetensors`, whole or in shards with an index. Where a model's
//! path is a GGUF file, or a folder with one, that is read instead.

use crate::gguf_model::{self, GgufFile};
use crate::llama::{Block, Llama};
use crate::llama_config::LlamaConfig;
use crate::projection::Projection;
use crate::rotary::Rotary;
use crate::token_table::TokenTable;
use crate::{Torch, failed, safetensors_file};
use contract::{Failure, FailureKind, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

const EMBEDDING: &str = "model.embed_tokens.weight";

/// Weights by their Hugging Face names.
pub(crate) type Weights = BTreeMap<String, Tensor>;

/// Reads all weights of a model's folder to the device, in that kind.
pub(crate) fn read_weights(folder: &Path, device: Device, kind: Kind) -> Result<Weights> {
    let mut weights = Weights::new();
    for file in weight_files(folder)? {
        let read = safetensors_file::read_each(&file, |name, tensor| {
            safetensors_file::check_read(&file, name, &tensor)?;
            let moved = tensor.f_to_device(device).and_then(|tensor| tensor.f_to_kind(kind));
            weights.insert(name.to_owned(), moved.map_err(failed("place the weights on the device"))?);
            Ok(())
        });
        read.map_err(|failure| match failure.kind {
            FailureKind::Device | FailureKind::MalformedRow => failure,
            _ => failure.hint("fetch the file again: the model's shards must all be there and whole"),
        })?;
    }
    Ok(weights)
}

/// Takes a weight of a folder, which must have the shape that `config.json` says.
pub(crate) fn take(weights: &mut Weights, folder: &Path, name: &str, shape: &[i64]) -> Result<Tensor> {
    let tensor = weights.remove(name).ok_or_else(|| {
        Failure::new(FailureKind::MissingField, format!("{} has no weight '{name}'", folder.display()))
    })?;
    if tensor.size() != shape {
        let found = tensor.size();
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("{}: '{name}' is {found:?}, but config.json says {shape:?}", folder.display()),
        ));
    }
    Ok(tensor)
}

impl Llama {
    /// Reads a model's folder, or a GGUF file, to the device, in that kind.
    ///
    /// # Errors
    /// When a file is absent or damaged, a weight is missing, not finite or of another shape than `config.json` says, or the
    /// model is of a family that is not supported.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self> {
        Self::load_layers(folder, None, device, kind)
    }

    /// [`Llama::load`] with the first `layers` blocks only, and the final norm behind them.
    ///
    /// # Errors
    /// As [`Llama::load`], and when the model has fewer blocks.
    pub fn load_layers(folder: &Path, layers: Option<i64>, device: Device, kind: Kind) -> Result<Self> {
        let file = GgufFile::find(folder)?;
        let mut config = match &file {
            Some(file) => gguf_model::read_config(file.path(), &file.parse()?)?,
            None => LlamaConfig::read(folder)?,
        };
        if let Some(layers) = layers {
            if !(1..=config.num_hidden_layers).contains(&layers) {
                let blocks = config.num_hidden_layers;
                let message = format!("layers is {layers}, but {} has {blocks} blocks", folder.display());
                return Err(Failure::new(FailureKind::Conflict, message).hint(format!("take from 1 to {blocks}")));
            }
            config.num_hidden_layers = layers;
        }
        if let Some(file) = file {
            return Self::load_gguf(&file, config, device, kind);
        }
        let mut weights = read_weights(folder, device, kind)?;
        Self::assemble(config, device, |name, shape| take(&mut weights, folder, name, shape))
    }

    /// A model with random weights: normal with that standard deviation, norms at one. Seed libtorch before.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn random(config: LlamaConfig, std: f64, device: Device, kind: Kind) -> Result<Self> {
        Self::assemble(config, device, |_, shape| {
            let fresh = || -> Torch<Tensor> {
                if shape.len() == 1 {
                    return Tensor::f_ones(shape, (kind, device));
                }
                Tensor::f_randn(shape, (kind, device))?.f_mul_scalar(std)
            };
            fresh().map_err(failed("initialise the language model"))
        })
    }

    /// Writes `config.json` and `model.safetensors`, in the kinds in which the weights are. Adapters are not part of
    /// it; the added tokens are.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let mut config = self.config.clone();
        config.set_kind(self.embedding.base.kind());
        config.write(folder)?;
        let weights = self.weights().map_err(failed("collect the weights"))?;
        safetensors_file::write(&folder.join("model.safetensors"), &weights)
    }

    fn weights(&self) -> Torch<Vec<(String, Tensor)>> {
        let mut weights = vec![
            (EMBEDDING.to_owned(), self.embedding.rows()?),
            ("model.norm.weight".to_owned(), self.norm.shallow_clone()),
        ];
        if let Some(head) = &self.head {
            weights.push(("lm_head.weight".to_owned(), head.rows()?));
        }
        for (number, block) in self.blocks.iter().enumerate() {
            let path = format!("model.layers.{number}");
            weights.push((format!("{path}.input_layernorm.weight"), block.attention_norm.shallow_clone()));
            weights.push((format!("{path}.post_attention_layernorm.weight"), block.feed_forward_norm.shallow_clone()));
            for projection in block.projections() {
                for (name, weight) in projection.unstack()? {
                    weights.push((format!("{name}.weight"), weight));
                }
            }
        }
        Ok(weights)
    }

    /// Builds a model from weights that `take` hands out by name and shape.
    pub(crate) fn assemble(
        config: LlamaConfig,
        device: Device,
        mut take: impl FnMut(&str, &[i64]) -> Result<Tensor>,
    ) -> Result<Self> {
        let (tokens, hidden, inner) = (config.vocab_size, config.hidden_size, config.intermediate_size);
        let queries = config.num_attention_heads * config.head_width();
        let keys = config.kv_heads() * config.head_width();
        let embedding = TokenTable::new(take(EMBEDDING, &[tokens, hidden])?);
        let mut blocks = Vec::new();
        for number in 0..config.num_hidden_layers {
            let path = format!("model.layers.{number}");
            let mut stack = |parts: &[(&str, i64)], inputs: i64| -> Result<Projection> {
                let mut weights = Vec::new();
                for (name, outputs) in parts {
                    let name = format!("{path}.{name}");
                    let weight = take(&format!("{name}.weight"), &[*outputs, inputs])?;
                    weights.push((name, weight));
                }
                Projection::stack(weights).map_err(failed("stack the projections"))
            };
            let qkv = [("self_attn.q_proj", queries), ("self_attn.k_proj", keys), ("self_attn.v_proj", keys)];
            let qkv = stack(&qkv, hidden)?;
            let attention_out = stack(&[("self_attn.o_proj", hidden)], queries)?;
            let gate_up = stack(&[("mlp.gate_proj", inner), ("mlp.up_proj", inner)], hidden)?;
            let down = stack(&[("mlp.down_proj", hidden)], inner)?;
            let attention_norm = take(&format!("{path}.input_layernorm.weight"), &[hidden])?;
            let feed_forward_norm = take(&format!("{path}.post_attention_layernorm.weight"), &[hidden])?;
            blocks.push(Block { attention_norm, qkv, attention_out, feed_forward_norm, gate_up, down });
        }
        let norm = take("model.norm.weight", &[hidden])?;
        let head = match config.tie_word_embeddings {
            true => None,
            false => Some(TokenTable::new(take("lm_head.weight", &[tokens, hidden])?)),
        };
        let rotary = Rotary::new(&config, device)?;
        let precision = norm.kind();
        Ok(Self { config, embedding, blocks, norm, head, rotary, lora: None, dropout: 0.0, precision })
    }
}

/// The kind in which a model's folder has its weights: that of the embedding, f32 where it is quantised.
///
/// # Errors
/// When a file is absent or damaged, or none has it.
pub(crate) fn stored_kind(folder: &Path) -> Result<Kind> {
    if let Some(file) = GgufFile::find(folder)? {
        return gguf_model::stored_kind(&file);
    }
    for file in weight_files(folder)? {
        if let Some(kind) = safetensors_file::kind_of_one(&file, EMBEDDING)? {
            return Ok(kind);
        }
    }
    Err(Failure::new(FailureKind::MissingField, format!("{} has no weight '{EMBEDDING}'", folder.display())))
}

/// Reads the input-layer embedding `[V, h]` of a model's folder or GGUF file alone, as f32 on the CPU.
///
/// # Errors
/// When a file is absent or damaged, none has it, or a number in it is not finite.
pub fn read_embedding(folder: &Path) -> Result<Tensor> {
    if let Some(file) = GgufFile::find(folder)? {
        return gguf_model::read_embedding(&file);
    }
    for file in weight_files(folder)? {
        if let Some(tensor) = safetensors_file::read_one(&file, EMBEDDING)? {
            safetensors_file::check_read(&file, EMBEDDING, &tensor)?;
            return tensor.f_to_kind(Kind::Float).map_err(failed("read the embedding"));
        }
    }
    Err(Failure::new(FailureKind::MissingField, format!("{} has no weight '{EMBEDDING}'", folder.display())))
}

/// The files that hold a model's weights: the shards that the index names, or the one file.
fn weight_files(folder: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index = folder.join("model.safetensors.index.json");
    if !index.is_file() {
        return Ok(vec![folder.join("model.safetensors")]);
    }
    let text = fs_err::read_to_string(&index).map_err(|error| Failure::reading(&index, error))?;
    let parsed: Index = serde_json::from_str(&text).map_err(|error| Failure::reading(&index, error))?;
    let shards: BTreeSet<String> = parsed.weight_map.into_values().collect();
    Ok(shards.iter().map(|shard| folder.join(shard)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttentionMask;
    use crate::llama_config::tests::tiny;
    use serde_json::json;

    fn logits(model: &Llama) -> Tensor {
        let ids = Tensor::from_slice(&[1i64, 5, 9, 2]).view([1, 4]);
        let positions = Tensor::arange(4, (Kind::Int64, Device::Cpu)).view([1, 4]);
        model.logits(&model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap()).unwrap()
    }

    #[test]
    fn a_saved_model_comes_back_whole_and_from_shards() {
        for tied in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            tch::manual_seed(5);
            let config = tiny(&json!({"tie_word_embeddings": tied}));
            let model = Llama::random(config, 0.3, Device::Cpu, Kind::Float).unwrap();
            model.save(folder.path()).unwrap();
            let load = || Llama::load(folder.path(), Device::Cpu, Kind::Float).unwrap();
            assert_eq!(logits(&load()), logits(&model));

            shard(folder.path());
            assert_eq!(logits(&load()), logits(&model));
        }
    }

    /// Makes two shards, `a` and `b`, of a model's one file.
    fn shard(folder: &Path) {
        let whole = folder.join("model.safetensors");
        let weights: Vec<_> = safetensors_file::read(&whole).unwrap().into_iter().collect();
        fs_err::remove_file(&whole).unwrap();
        let mut map = serde_json::Map::new();
        let (first, second) = weights.split_at(4);
        for (file, part) in [("a.safetensors", first), ("b.safetensors", second)] {
            safetensors_file::write(&folder.join(file), part).unwrap();
            map.extend(part.iter().map(|(name, _)| (name.clone(), json!(file))));
        }
        let index = json!({"metadata": {}, "weight_map": map}).to_string();
        fs_err::write(folder.join("model.safetensors.index.json"), index).unwrap();
    }

    #[test]
    fn a_broken_shard_is_named_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        Llama::random(tiny(&json!({})), 0.3, Device::Cpu, Kind::Float).unwrap().save(folder.path()).unwrap();
        shard(folder.path());
        let shard = folder.path().join("b.safetensors");
        let load = || Llama::load(folder.path(), Device::Cpu, Kind::Float).unwrap_err();
        let bytes = fs_err::read(&shard).unwrap();
        fs_err::write(&shard, &bytes[..bytes.len() - 9]).unwrap();
        let cut = load();
        assert!(cut.kind == FailureKind::DamagedFile && cut.message.contains("b.safetensors"), "{cut}");
        assert!(cut.hint.is_some());
        fs_err::copy(folder.path().join("a.safetensors"), &shard).unwrap();
        let wrong = load();
        assert!(wrong.kind == FailureKind::MissingField && wrong.message.contains("has no weight 'model."), "{wrong}");
        fs_err::remove_file(&shard).unwrap();
        let gone = load();
        assert!(gone.message.contains("b.safetensors"), "{gone}");
        assert!(gone.hint.is_some_and(|hint| hint.contains("fetch")), "a way out");
    }

    #[test]
    fn a_vocabulary_that_does_not_fit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let model = Llama::random(tiny(&json!({})), 0.3, Device::Cpu, Kind::Float).unwrap();
        model.save(folder.path()).unwrap();
        tiny(&json!({"vocab_size": 99})).write(folder.path()).unwrap();
        let failure = Llama::load(folder.path(), Device::Cpu, Kind::Float).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("embed_tokens") && failure.message.contains("99"), "{failure}");
    }
    #[test]
    fn a_tokenizer_of_another_model_is_refused() {
        let mut model = Llama::random(tiny(&json!({})), 0.3, Device::Cpu, Kind::Float).unwrap();
        let beyond = model.tokens() + 1;
        let failure = model.add_tokens(beyond, 4, 0.02).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains(&format!("the tokenizer has {beyond} tokens")), "{failure}");
        assert_eq!(failure.hint.as_deref(), Some("the tokenizer belongs to another model"));
    }
}
