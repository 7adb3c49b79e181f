//! The stage's parameters.

use contract::{Failure, FailureKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of `dccf`. The defaults are those of the published code.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Length of the embeddings of users and items.
    #[schemars(range(min = 1))]
    pub dim: usize,
    /// Number of intents of users, and of items.
    #[schemars(range(min = 1))]
    pub intents: usize,
    /// Number of layers. With 0 it is plain matrix factorisation.
    pub layers: usize,
    /// How often to train on as many triples as there are training pairs.
    pub epochs: usize,
    /// Triples of a training step. The contrastive term compares all pairs of users, and of items, in a batch.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Learning rate of Adam.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// Factor of the squared norms of the batch's layer-0 embeddings, summed over the batch.
    #[schemars(range(min = 0.0))]
    pub embedding_decay: f64,
    /// Factor of the squared norms of the intents.
    #[schemars(range(min = 0.0))]
    pub intent_decay: f64,
    /// Factor of the contrastive terms. With 0 they are not computed.
    #[schemars(range(min = 0.0))]
    pub contrast_weight: f64,
    /// Temperature of the contrastive terms.
    #[schemars(range(min = 0.0))]
    pub temperature: f64,
    /// Length of the ranked lists.
    #[schemars(range(min = 1))]
    pub top_k: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            dim: 32,
            intents: 128,
            layers: 2,
            epochs: 100,
            batch: 10_240,
            learning_rate: 1e-3,
            embedding_decay: 2.5e-5,
            intent_decay: 5e-3,
            contrast_weight: 0.1,
            temperature: 1.0,
            top_k: 20,
        }
    }
}

impl Parameters {
    /// Refuses values with which nothing could be trained.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = |name: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(Failure::new(FailureKind::Conflict, format!("{name} is {value}, expected a number above 0")))
        };
        positive("dim", self.dim as f64)?;
        positive("intents", self.intents as f64)?;
        positive("batch", self.batch as f64)?;
        positive("top_k", self.top_k as f64)?;
        positive("learning_rate", self.learning_rate)?;
        positive("temperature", self.temperature)?;
        let factors = [
            ("embedding_decay", self.embedding_decay),
            ("intent_decay", self.intent_decay),
            ("contrast_weight", self.contrast_weight),
        ];
        for (name, value) in factors {
            if value < 0.0 || !value.is_finite() {
                let message = format!("{name} is {value}, expected a number of at least 0");
                return Err(Failure::new(FailureKind::Conflict, message));
            }
        }
        Ok(())
    }
}
