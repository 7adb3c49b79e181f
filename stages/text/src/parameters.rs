//! The stage's parameters.

use contract::{Failure, FailureKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The layer of the language model whose vectors are averaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The input embedding, as in the paper: tokens count, their order does not.
    #[default]
    Input,
    /// The hidden states after the last block and its norm.
    Last,
}

/// The parameters of [`TextEmbedding`](crate::TextEmbedding).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The layer of the language model whose vectors are averaged.
    pub layer: Layer,
    /// Tokens of an item's text that are read; what follows is left out.
    #[schemars(range(min = 1))]
    pub max_tokens: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { layer: Layer::Input, max_tokens: 2048 }
    }
}

impl Parameters {
    /// Refuses values with which nothing can be read.
    pub(crate) fn check(&self) -> Result<()> {
        if self.max_tokens == 0 {
            return Err(Failure::new(FailureKind::Conflict, "max_tokens is 0, expected at least 1"));
        }
        Ok(())
    }
}
