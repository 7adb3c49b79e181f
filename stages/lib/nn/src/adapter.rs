//! Adapters in the PEFT layout: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! PEFT keeps the low-rank weights under `base_model.model.<module>.lora_A.weight` and the full embedding and head,
//! which it calls modules to save, under their own names. The base has to be given as many tokens before PEFT loads it.

use crate::llama::{Block, Llama};
use crate::lora::{Lora, LoraConfig};
use crate::precision::Precision;
use crate::token_table::TokenTable;
use crate::tokenizer::read_tokenizer;
use crate::{failed, safetensors_file};
use contract::{Failure, FailureKind, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};
use tokenizers::Tokenizer;

pub(crate) const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const EMBEDDING: &str = "base_model.model.model.embed_tokens.weight";
const HEAD: &str = "base_model.model.lm_head.weight";

/// The tuned model and its tokenizer: an adapter folder on its base, or a full folder, for which the base is not read.
///
/// Weights are of the kind that the precision has on the device.
///
/// # Errors
/// When a file is absent or damaged, or base and adapter do not fit.
pub fn load_tuned(base: &Path, tuned: &Path, device: Device, precision: Precision) -> Result<(Llama, Tokenizer)> {
    let kind = precision.kind(device);
    let tokenizer = read_tokenizer(tuned)?;
    let model = if tuned.join(CONFIG).is_file() {
        let mut model = Llama::load(base, device, kind)?;
        model.load_adapter(tuned)?;
        model
    } else {
        Llama::load(tuned, device, kind)?
    };
    let known = tokenizer.get_vocab_size(true);
    if (model.tokens() as usize) < known {
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("{}: the tokenizer has {known} tokens, the model {}", tuned.display(), model.tokens()),
        )
        .hint("the tokenizer belongs to another model"));
    }
    Ok((model, tokenizer))
}

impl Llama {
    /// Adds the adapters to the weights and takes them off.
    ///
    /// # Errors
    /// When too little memory is left.
    pub fn merge_adapter(&mut self) -> Result<()> {
        for projection in self.blocks.iter_mut().flat_map(Block::projections_mut) {
            projection.merge().map_err(failed("merge the adapter"))?;
        }
        self.lora = None;
        Ok(())
    }

    /// Writes the adapters and all rows of embedding and head.
    ///
    /// # Errors
    /// When there are none, or a file cannot be written.
    pub fn save_adapter(&self, folder: &Path) -> Result<()> {
        let config =
            self.lora.as_ref().ok_or_else(|| Failure::new(FailureKind::Conflict, "the model has no adapter"))?;
        let path = folder.join(CONFIG);
        let text = format!("{:#}\n", peft_config(config));
        fs_err::write(&path, text).map_err(|error| Failure::writing(&path, error))?;
        let (embedding, head) = self.token_rows()?;
        // Where head and embedding are tied, both names get their own copy: a file cannot share bytes.
        let mut weights = vec![(EMBEDDING.to_owned(), embedding), (HEAD.to_owned(), head)];
        for part in self.blocks.iter().flat_map(Block::projections).flat_map(|projection| &projection.parts) {
            if let Some(lora) = &part.lora {
                weights.push((lora_name(&part.name, 'A'), lora.a.shallow_clone()));
                weights.push((lora_name(&part.name, 'B'), lora.b.shallow_clone()));
            }
        }
        safetensors_file::write(&folder.join(WEIGHTS), &weights)
    }

    /// Puts the adapter of a folder on this model, and the rows of embedding and head that it holds.
    ///
    /// # Errors
    /// When a file is absent or damaged, or the adapter does not fit.
    pub fn load_adapter(&mut self, folder: &Path) -> Result<()> {
        let config = read_config(&folder.join(CONFIG))?;
        self.check_targets(&config)?;
        let path = folder.join(WEIGHTS);
        let mut weights = safetensors_file::read(&path)?;
        let device = self.device();
        for projection in self.blocks.iter_mut().flat_map(Block::projections_mut) {
            let inputs = projection.weight.size()[1];
            for part in projection.parts.iter_mut().filter(|part| config.targets(&part.name)) {
                let a = take(&mut weights, &path, &lora_name(&part.name, 'A'), &[config.r, inputs], device)?;
                let b = take(&mut weights, &path, &lora_name(&part.name, 'B'), &[part.outputs, config.r], device)?;
                part.lora = Some(Lora::of(&config, a, b));
            }
        }
        self.replace_rows(&mut weights, &path)?;
        self.lora = Some(config);
        Ok(())
    }

    /// Takes over the rows of embedding and head. Tied ones stay tied only when both are equal.
    fn replace_rows(&mut self, weights: &mut BTreeMap<String, Tensor>, path: &Path) -> Result<()> {
        let (device, kind) = (self.device(), self.embedding.base.kind());
        let mut rows = |name: &str| -> Result<Option<Tensor>> {
            let Some(tensor) = weights.remove(name) else { return Ok(None) };
            if tensor.size().get(1) != Some(&self.config.hidden_size) {
                return Err(misfit(path, name, &tensor.size(), &[self.config.vocab_size, self.config.hidden_size]));
            }
            let placed = tensor.f_to_device(device).and_then(|tensor| tensor.f_to_kind(kind));
            Ok(Some(placed.map_err(failed("place the adapter on the device"))?))
        };
        let (embedding, head) = (rows(EMBEDDING)?, rows(HEAD)?);
        if let Some(head) = head {
            let same = embedding.as_ref().is_some_and(|embedding| *embedding == head);
            self.head = if self.head.is_none() && same { None } else { Some(TokenTable::new(head)) };
            self.config.tie_word_embeddings = self.head.is_none();
        }
        if let Some(embedding) = embedding {
            self.config.vocab_size = embedding.size()[0];
            self.embedding = TokenTable::new(embedding);
        }
        let head = self.head.as_ref().map(|head| head.base.size()[0]);
        match head {
            Some(rows) if rows != self.config.vocab_size => Err(misfit(path, HEAD, &[rows], &[self.config.vocab_size])),
            _ => Ok(()),
        }
    }
}

fn lora_name(module: &str, matrix: char) -> String {
    format!("base_model.model.{module}.lora_{matrix}.weight")
}

fn peft_config(config: &LoraConfig) -> Value {
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": null,
        "inference_mode": true,
        "r": config.r,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "target_modules": config.target_modules,
        "modules_to_save": ["embed_tokens", "lm_head"],
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
    })
}

fn read_config(path: &Path) -> Result<LoraConfig> {
    let text = fs_err::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
    let fields: Value = serde_json::from_str(&text).map_err(|error| Failure::reading(path, error))?;
    let missing = |name: &str| {
        Failure::new(FailureKind::MissingField, format!("{} has no usable field '{name}'", path.display()))
    };
    for (name, plain) in [("peft_type", json!("LORA")), ("bias", json!("none")), ("use_dora", json!(false))] {
        if fields.get(name).is_some_and(|found| *found != plain) {
            let message = format!("{}: {name} is {}, only {plain} is supported", path.display(), fields[name]);
            return Err(Failure::new(FailureKind::Conflict, message));
        }
    }
    let targets = fields["target_modules"].as_array().ok_or_else(|| missing("target_modules"))?;
    let r = fields["r"].as_i64().filter(|&r| r > 0).ok_or_else(|| missing("r"))?;
    let mut alpha = fields["lora_alpha"].as_f64().ok_or_else(|| missing("lora_alpha"))?;
    if fields["use_rslora"] == json!(true) {
        // Rank-stabilised adapters divide by the root of the rank.
        alpha *= (r as f64).sqrt();
    }
    Ok(LoraConfig {
        r,
        alpha,
        dropout: fields["lora_dropout"].as_f64().unwrap_or(0.0),
        target_modules: targets.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

fn take(
    weights: &mut BTreeMap<String, Tensor>,
    path: &Path,
    name: &str,
    shape: &[i64],
    device: Device,
) -> Result<Tensor> {
    let tensor = weights
        .remove(name)
        .ok_or_else(|| Failure::new(FailureKind::MissingField, format!("{} has no weight '{name}'", path.display())))?;
    if tensor.size() != shape {
        return Err(misfit(path, name, &tensor.size(), shape));
    }
    let placed = tensor.f_to_device(device).and_then(|tensor| tensor.f_to_kind(Kind::Float));
    placed.map_err(failed("place the adapter on the device"))
}

fn misfit(path: &Path, name: &str, found: &[i64], expected: &[i64]) -> Failure {
    let message = format!("{}: '{name}' is {found:?}, expected {expected:?}", path.display());
    Failure::new(FailureKind::Conflict, message).hint("the adapter was made for another base model")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttentionMask;
    use crate::llama_config::tests::tiny;

    fn logits(model: &Llama) -> Tensor {
        let ids = Tensor::from_slice(&[1i64, 23, 24, 2]).view([1, 4]);
        let positions = Tensor::arange(4, (Kind::Int64, Device::Cpu)).view([1, 4]);
        model.logits(&model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap()).unwrap()
    }

    #[test]
    fn an_adapter_comes_back_with_the_same_logits() {
        for tied in [false, true] {
            tch::manual_seed(7);
            let (base, tuned) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let config = tiny(&json!({"tie_word_embeddings": tied}));
            let mut model = Llama::random(config, 0.3, Device::Cpu, Kind::Float).unwrap();
            model.save(base.path()).unwrap();
            model.add_tokens(23, 2, 0.02).unwrap();
            let targets = ["q_proj", "v_proj", "o_proj", "down_proj"].map(str::to_owned).to_vec();
            let config = LoraConfig { r: 2, alpha: 6.0, dropout: 0.05, target_modules: targets };
            let parameters = model.train_lora(&config).unwrap();
            tch::no_grad(|| {
                for parameter in &parameters {
                    drop(parameter.tensor.shallow_clone().normal_(0.0, 0.3));
                }
            });
            model.save_adapter(tuned.path()).unwrap();
            let mut loaded = Llama::load(base.path(), Device::Cpu, Kind::Float).unwrap();
            loaded.load_adapter(tuned.path()).unwrap();
            assert_eq!(loaded.head.is_none(), tied);
            assert!(logits(&loaded).allclose(&logits(&model), 1e-5, 1e-6, false));
        }
    }

    #[test]
    fn an_adapter_for_another_base_is_refused() {
        let (base, tuned) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let random = |other: &Value| Llama::random(tiny(other), 0.3, Device::Cpu, Kind::Float).unwrap();
        random(&json!({"hidden_size": 32})).save(base.path()).unwrap();
        let mut model = random(&json!({}));
        let config = LoraConfig { r: 2, alpha: 6.0, dropout: 0.0, target_modules: vec!["q_proj".to_owned()] };
        model.train_lora(&config).unwrap();
        model.save_adapter(tuned.path()).unwrap();
        let mut other = Llama::load(base.path(), Device::Cpu, Kind::Float).unwrap();
        let failure = other.load_adapter(tuned.path()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    }
}
