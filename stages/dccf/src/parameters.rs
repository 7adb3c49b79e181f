//! The stage's parameters.

use contract::{Failure, FailureKind, Result};
use recommender::Stopping;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How what is trained begins, with the matrix `[a, b]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initialisation {
    /// Normal with the standard deviation `√(2 / (a + b))`.
    #[default]
    XavierNormal,
    /// Even between `±√(6 / (a + b))`.
    XavierUniform,
}

/// What an epoch draws.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// As many times as there are training pairs: a user, each as likely, and an item of theirs.
    #[default]
    Users,
    /// Each training pair once.
    Pairs,
}

/// By what the contrastive terms are divided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContrastMean {
    /// Those of users by the batch's users, those of items by its items.
    #[default]
    Side,
    /// All by the batch's users.
    Users,
}

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
    /// How what is trained begins.
    pub initialisation: Initialisation,
    /// What ends the training.
    pub stopping: Stopping,
    /// How often to train on as many triples as there are training pairs; the largest number where validation ends the training.
    pub epochs: usize,
    /// Epochs between two evaluations on the validation items.
    #[schemars(range(min = 1))]
    pub evaluate_every: usize,
    /// How many evaluations in a row without a better NDCG@10 end the training.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// What an epoch draws.
    pub sampling: Sampling,
    /// Triples of a training step. The contrastive term compares all pairs of users, and of items, in a batch.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Learning rate of Adam.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// Factor of the squared norms of the batch's layer-0 embeddings, summed over the batch.
    #[schemars(range(min = 0.0))]
    pub embedding_decay: f64,
    /// Values of `embedding_decay` to choose from by the NDCG@10 of held-out items, each with a training of its own; with none it is as given.
    pub embedding_decays: Vec<f64>,
    /// Factor of the squared norms of the intents.
    #[schemars(range(min = 0.0))]
    pub intent_decay: f64,
    /// Factor of the squared norms of all that is trained.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Factor of the contrastive terms. With 0 they are not computed.
    #[schemars(range(min = 0.0))]
    pub contrast_weight: f64,
    /// By what the contrastive terms are divided.
    pub contrast_mean: ContrastMean,
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
            initialisation: Initialisation::XavierNormal,
            stopping: Stopping::Validation,
            epochs: 100,
            evaluate_every: 3,
            patience: 5,
            sampling: Sampling::Users,
            batch: 10_240,
            learning_rate: 1e-3,
            embedding_decay: 2.5e-5,
            embedding_decays: Vec::new(),
            intent_decay: 5e-3,
            weight_decay: 0.0,
            contrast_weight: 0.1,
            contrast_mean: ContrastMean::Side,
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
        positive("evaluate_every", self.evaluate_every as f64)?;
        positive("patience", self.patience as f64)?;
        positive("learning_rate", self.learning_rate)?;
        positive("temperature", self.temperature)?;
        let factors = [
            ("embedding_decay", self.embedding_decay),
            ("intent_decay", self.intent_decay),
            ("weight_decay", self.weight_decay),
            ("contrast_weight", self.contrast_weight),
        ];
        let decays = self.embedding_decays.iter().map(|&value| ("embedding_decays", value));
        for (name, value) in factors.into_iter().chain(decays) {
            if value < 0.0 || !value.is_finite() {
                let message = format!("{name} is {value}, expected a number of at least 0");
                return Err(Failure::new(FailureKind::Conflict, message));
            }
        }
        if self.stopping == Stopping::Epochs && !self.embedding_decays.is_empty() {
            let message = "embedding_decays is given, but stopping = \"epochs\" evaluates nothing to choose one by";
            return Err(Failure::new(FailureKind::Conflict, message)
                .hint("set stopping = \"validation\", or embedding_decay alone"));
        }
        Ok(())
    }
}
