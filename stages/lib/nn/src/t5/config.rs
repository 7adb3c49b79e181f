//! The shape of a T5, as `config.json` of the Hugging Face layout has it.

use contract::{Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;
use tch::Kind;

/// `config.json`: what decides the computation; everything else in the file is kept as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct T5Config {
    /// Always `t5`.
    pub model_type: String,
    /// Rows of the embedding.
    pub vocab_size: i64,
    /// Width of the residual stream, h.
    pub d_model: i64,
    /// Width of a head; heads × width need not be h.
    pub d_kv: i64,
    /// Width inside the feed-forward blocks.
    pub d_ff: i64,
    /// Number of encoder blocks.
    pub num_layers: i64,
    /// Number of decoder blocks; as many as encoder blocks when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_decoder_layers: Option<i64>,
    /// Attention heads.
    pub num_heads: i64,
    /// Number of buckets of relative positions.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: i64,
    /// The distance from which on all positions share a bucket.
    #[serde(default = "max_distance")]
    pub relative_attention_max_distance: i64,
    /// Added to the mean square in RMSNorm.
    #[serde(default = "layer_norm_epsilon")]
    pub layer_norm_epsilon: f64,
    /// The ratio that training drops of activations.
    #[serde(default = "dropout_rate")]
    pub dropout_rate: f64,
    /// Factor of the standard deviations of random weights.
    #[serde(default = "initializer_factor")]
    pub initializer_factor: f64,
    /// The feed-forward block: an activation, or `gated-` and an activation.
    #[serde(default = "relu")]
    pub feed_forward_proj: String,
    /// Whether the head is the embedding; then hidden states are divided by √h before it.
    #[serde(default = "yes")]
    pub tie_word_embeddings: bool,
    /// The token that pads, and that the decoder starts from unless the next field names another.
    #[serde(default)]
    pub pad_token_id: i64,
    /// The token that ends a sequence.
    #[serde(default = "eos")]
    pub eos_token_id: i64,
    /// The token that the decoder starts from.
    #[serde(default)]
    pub decoder_start_token_id: i64,
    /// The rest of the file.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The function inside a feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Relu,
    /// The tanh approximation, `gelu_new`; in T5 `gated-gelu` means this one.
    Gelu,
    Silu,
}

/// A feed-forward block: wo(f(wi x)), or wo(f(wi₀ x) · wi₁ x) where it is gated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeedForward {
    pub(crate) activation: Activation,
    pub(crate) gated: bool,
}

impl T5Config {
    /// Reads `config.json` of a model's folder.
    ///
    /// # Errors
    /// When it is absent, damaged, or asks for something that this T5 does not have; the message names it.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let text = fs_err::read_to_string(&path).map_err(|error| Failure::reading(&path, error))?;
        let fields: Map<String, Value> = serde_json::from_str(&text).map_err(|error| Failure::reading(&path, error))?;
        let model_type = fields.get("model_type").and_then(Value::as_str).unwrap_or("absent");
        if model_type != "t5" {
            return Err(unsupported(&path, "model_type", model_type, "t5"));
        }
        let config: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|error| Failure::reading(&path, error))?;
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

    /// Number of decoder blocks.
    #[must_use]
    pub fn decoder_layers(&self) -> i64 {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    /// Width of all heads together.
    #[must_use]
    pub fn inner(&self) -> i64 {
        self.num_heads * self.d_kv
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

    /// The kind of its feed-forward blocks, if it is one that can be computed.
    pub(crate) fn feed_forward(&self) -> Option<FeedForward> {
        let (gated, name) = match self.feed_forward_proj.strip_prefix("gated-") {
            Some(name) => (true, name),
            None => (false, self.feed_forward_proj.as_str()),
        };
        let activation = match name {
            "relu" => Activation::Relu,
            "gelu_new" => Activation::Gelu,
            "gelu" if gated => Activation::Gelu,
            "silu" => Activation::Silu,
            _ => return None,
        };
        Some(FeedForward { activation, gated })
    }

    /// Says what in the file cannot be computed.
    fn check(&self, path: &Path) -> Result<()> {
        if self.feed_forward().is_none() {
            let known = "relu, gelu_new, silu, or gated- and one of these";
            return Err(unsupported(path, "feed_forward_proj", &self.feed_forward_proj, known));
        }
        let buckets = self.relative_attention_num_buckets;
        if buckets < 4 || buckets % 4 != 0 {
            let expected = "a multiple of 4";
            return Err(unsupported(path, "relative_attention_num_buckets", &buckets.to_string(), expected));
        }
        if self.relative_attention_max_distance <= buckets / 2 {
            let found = self.relative_attention_max_distance.to_string();
            let expected = format!("more than {}, half the number of buckets", buckets / 2);
            return Err(unsupported(path, "relative_attention_max_distance", &found, &expected));
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("d_kv", self.d_kv),
            ("d_ff", self.d_ff),
            ("num_layers", self.num_layers),
            ("num_decoder_layers", self.decoder_layers()),
            ("num_heads", self.num_heads),
        ];
        match sizes.into_iter().find(|(_, size)| *size < 1) {
            Some((name, size)) => Err(unsupported(path, name, &size.to_string(), "at least 1")),
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

fn buckets() -> i64 {
    32
}

fn max_distance() -> i64 {
    128
}

fn layer_norm_epsilon() -> f64 {
    1e-6
}

fn dropout_rate() -> f64 {
    0.1
}

fn initializer_factor() -> f64 {
    1.0
}

fn relu() -> String {
    "relu".to_owned()
}

fn yes() -> bool {
    true
}

fn eos() -> i64 {
    1
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// Two and three blocks of width 16 whose heads are wider together.
    pub(crate) fn tiny(other: &Value) -> T5Config {
        let mut fields = json!({
            "model_type": "t5", "vocab_size": 23, "d_model": 16, "d_kv": 6, "d_ff": 24, "num_layers": 2,
            "num_decoder_layers": 3, "num_heads": 4, "dropout_rate": 0.0
        });
        for (name, value) in other.as_object().unwrap() {
            fields[name] = value.clone();
        }
        serde_json::from_value(fields).unwrap()
    }

    fn read(fields: &Value) -> Result<T5Config> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("config.json"), serde_json::to_string(&tiny(fields)).unwrap()).unwrap();
        T5Config::read(folder.path())
    }

    #[test]
    fn unsupported_settings_are_refused_by_name() {
        assert!(read(&json!({})).is_ok());
        for (fields, name) in [
            (json!({"model_type": "bart"}), "bart"),
            (json!({"feed_forward_proj": "gated-tanh"}), "gated-tanh"),
            (json!({"relative_attention_num_buckets": 6}), "relative_attention_num_buckets"),
            (json!({"relative_attention_max_distance": 16}), "relative_attention_max_distance"),
            (json!({"num_heads": 0}), "num_heads"),
        ] {
            let failure = read(&fields).unwrap_err();
            assert!(failure.message.contains(name), "{failure}");
        }
    }

    #[test]
    fn absent_fields_have_the_first_t5s_values() {
        let config = read(&json!({"task_specific_params": {"x": 1}})).unwrap();
        assert_eq!(config.feed_forward(), Some(FeedForward { activation: Activation::Relu, gated: false }));
        assert!(config.tie_word_embeddings);
        assert_eq!((config.pad_token_id, config.eos_token_id, config.decoder_start_token_id), (0, 1, 0));
        assert_eq!((config.relative_attention_num_buckets, config.relative_attention_max_distance), (32, 128));
        assert_eq!(config.other["task_specific_params"], json!({"x": 1}));
    }
}
