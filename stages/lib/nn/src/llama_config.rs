//! The shape of a LLaMA, as `config.json` of the Hugging Face layout has it.

use contract::{Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;
use tch::Kind;

/// `config.json`: what decides the computation; everything else in the file is kept as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlamaConfig {
    /// Always `llama`.
    pub model_type: String,
    /// Rows of the embedding.
    pub vocab_size: i64,
    /// Width of the residual stream, h.
    pub hidden_size: i64,
    /// Width inside the feed-forward blocks.
    pub intermediate_size: i64,
    /// Number of blocks.
    pub num_hidden_layers: i64,
    /// Attention heads.
    pub num_attention_heads: i64,
    /// Heads of keys and values; as many as attention heads when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_key_value_heads: Option<i64>,
    /// Width of a head; h / heads when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<i64>,
    /// The activation of the feed-forward blocks: `silu`.
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// Added to the mean square in RMSNorm.
    #[serde(default = "rms_norm_eps")]
    pub rms_norm_eps: f64,
    /// The longest sequence it is meant for.
    #[serde(default = "max_position_embeddings")]
    pub max_position_embeddings: i64,
    /// The base of the rotary frequencies.
    #[serde(default = "rope_theta")]
    pub rope_theta: f64,
    /// How rotary frequencies are scaled.
    #[serde(default)]
    pub rope_scaling: Option<RopeScaling>,
    /// Whether the head is the embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
    /// The rest of the file.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The field `rope_scaling`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RopeScaling {
    /// `default`, `linear` or `llama3`.
    #[serde(alias = "type")]
    pub rope_type: String,
    /// By how much frequencies are divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Llama 3: waves longer than the original context over this are scaled in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_freq_factor: Option<f64>,
    /// Llama 3: waves shorter than the original context over this are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_freq_factor: Option<f64>,
    /// Llama 3: the context before scaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<f64>,
    /// The base of the frequencies, where newer files keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
}

impl LlamaConfig {
    /// Reads `config.json` of a model's folder.
    ///
    /// # Errors
    /// When it is absent, damaged, or asks for something that this LLaMA does not have; the message names it.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let text = fs_err::read_to_string(&path).map_err(|error| Failure::reading(&path, error))?;
        let mut fields: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| Failure::reading(&path, error))?;
        let model_type = fields.get("model_type").and_then(Value::as_str).unwrap_or("absent");
        if model_type != "llama" {
            return Err(unsupported(&path, "model_type", model_type, "llama"));
        }
        // Newer files hold base and scaling under one name.
        if let Some(parameters) = fields.remove("rope_parameters") {
            fields.insert("rope_scaling".to_owned(), parameters);
        }
        let mut config: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|error| Failure::reading(&path, error))?;
        if let Some(theta) = config.rope_scaling.as_ref().and_then(|scaling| scaling.rope_theta) {
            config.rope_theta = theta;
        }
        config.check(&path)?;
        Ok(config)
    }

    /// Writes `config.json` to a model's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("config.json");
        let text = serde_json::to_string_pretty(self).map_err(|error| Failure::writing(&path, error))?;
        fs_err::write(&path, text + "\n").map_err(|error| Failure::writing(&path, error))
    }

    /// Writes down in which kind the weights are; newer files call it `dtype`.
    pub(crate) fn set_kind(&mut self, kind: Kind) {
        let name = match kind {
            Kind::BFloat16 => "bfloat16",
            Kind::Half => "float16",
            _ => "float32",
        };
        let field = if self.other.contains_key("dtype") { "dtype" } else { "torch_dtype" };
        self.other.insert(field.to_owned(), name.into());
    }

    /// Heads of keys and values.
    #[must_use]
    pub fn kv_heads(&self) -> i64 {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// Width of a head.
    #[must_use]
    pub fn head_width(&self) -> i64 {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    /// Says what in the file cannot be computed.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        if self.hidden_act != "silu" {
            return Err(unsupported(path, "hidden_act", &self.hidden_act, "silu"));
        }
        for bias in ["attention_bias", "mlp_bias"] {
            if self.other.get(bias).and_then(Value::as_bool) == Some(true) {
                return Err(unsupported(path, bias, "true", "false"));
            }
        }
        if let Some(scaling) = &self.rope_scaling {
            scaling.check(path)?;
        }
        let heads = (self.num_attention_heads, self.kv_heads());
        if heads.0 < 1 || heads.1 < 1 || heads.0 % heads.1 != 0 {
            let found = format!("{} attention heads for {} key-value heads", heads.0, heads.1);
            return Err(unsupported(path, "num_key_value_heads", &found, "a divisor"));
        }
        if self.head_width() < 2 || self.head_width() % 2 != 0 {
            return Err(unsupported(path, "head_dim", &self.head_width().to_string(), "an even number"));
        }
        Ok(())
    }
}

impl RopeScaling {
    fn check(&self, path: &Path) -> Result<()> {
        let needed: &[(&str, Option<f64>)] = match self.rope_type.as_str() {
            "default" => &[],
            "linear" => &[("factor", self.factor)],
            "llama3" => &[
                ("factor", self.factor),
                ("low_freq_factor", self.low_freq_factor),
                ("high_freq_factor", self.high_freq_factor),
                ("original_max_position_embeddings", self.original_max_position_embeddings),
            ],
            other => return Err(unsupported(path, "rope_scaling", other, "default, linear or llama3")),
        };
        match needed.iter().find(|(_, value)| value.is_none()) {
            Some((name, _)) => Err(Failure::new(
                FailureKind::MissingField,
                format!("{}: rope_scaling of type {} has no {name}", path.display(), self.rope_type),
            )),
            None => Ok(()),
        }
    }
}

fn unsupported(path: &Path, field: &str, found: &str, expected: &str) -> Failure {
    Failure::new(
        FailureKind::Conflict,
        format!("{}: {field} is {found}, which is not supported; expected {expected}", path.display()),
    )
}

fn silu() -> String {
    "silu".to_owned()
}

fn rms_norm_eps() -> f64 {
    1e-6
}

fn max_position_embeddings() -> i64 {
    2048
}

fn rope_theta() -> f64 {
    10_000.0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// Two blocks of width 16 with grouped-query attention.
    pub(crate) fn tiny(other: &Value) -> LlamaConfig {
        let mut fields = json!({
            "model_type": "llama", "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2
        });
        for (name, value) in other.as_object().unwrap() {
            fields[name] = value.clone();
        }
        serde_json::from_value(fields).unwrap()
    }

    fn read(fields: &Value) -> Result<LlamaConfig> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("config.json"), serde_json::to_string(&tiny(fields)).unwrap()).unwrap();
        LlamaConfig::read(folder.path())
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        assert!(read(&json!({})).is_ok());
        for (fields, name) in [
            (json!({"model_type": "mamba"}), "mamba"),
            (json!({"hidden_act": "gelu"}), "gelu"),
            (json!({"attention_bias": true}), "attention_bias"),
            (json!({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}), "yarn"),
            (json!({"rope_scaling": {"type": "linear"}}), "factor"),
            (json!({"num_key_value_heads": 3}), "num_key_value_heads"),
        ] {
            let failure = read(&fields).unwrap_err();
            assert!(failure.message.contains(name), "{failure}");
        }
    }

    #[test]
    fn newer_files_keep_the_rotary_base_elsewhere() {
        let config = read(&json!({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}, "bos_token_id": 1}));
        let config = config.unwrap();
        assert!((config.rope_theta - 5e5).abs() < 1e-9);
        assert_eq!(config.other["bos_token_id"], json!(1));
    }
}
