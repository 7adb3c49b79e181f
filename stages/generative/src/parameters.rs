//! The parameters that both models have, and those of each.

use contract::{Failure, FailureKind, Result};
use nn::Epochs;
use recommender::Stopping;

/// The settings that both models share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) inner_dim: usize,
    pub(crate) layers: usize,
    pub(crate) dropout: f64,
    pub(crate) max_length: usize,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f64,
    pub(crate) warmup: f64,
    pub(crate) weight_decay: f64,
    pub(crate) stopping: Stopping,
    pub(crate) epochs: usize,
    pub(crate) epoch_steps: usize,
    pub(crate) evaluate_every: usize,
    pub(crate) patience: usize,
    pub(crate) validation_users: usize,
    pub(crate) beam: usize,
    pub(crate) top_k: usize,
}

/// Declares the parameters of a model: its own fields, then the shared ones with their defaults.
macro_rules! parameters {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$of_field:meta])* $field:ident: $kind:ty = $value:expr,)* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$of_field])* pub $field: $kind,)*
            /// Width of the hidden states.
            #[schemars(range(min = 1))]
            pub dim: usize,
            /// Attention heads.
            #[schemars(range(min = 1))]
            pub heads: usize,
            /// Width of a head.
            #[schemars(range(min = 1))]
            pub head_dim: usize,
            /// Width inside the feed-forward blocks.
            #[schemars(range(min = 1))]
            pub inner_dim: usize,
            /// Blocks of the encoder, and as many of the decoder.
            #[schemars(range(min = 1))]
            pub layers: usize,
            /// Probability that a number is dropped in training.
            #[schemars(range(min = 0.0, max = 0.95))]
            pub dropout: f64,
            /// How many of the latest items of a history the model reads.
            #[schemars(range(min = 1))]
            pub max_length: usize,
            /// Samples of a training step.
            #[schemars(range(min = 1))]
            pub batch: usize,
            /// The highest learning rate of AdamW; from there it falls to 0 by half a cosine over `epochs` epochs.
            #[schemars(range(min = 0.0))]
            pub learning_rate: f64,
            /// The ratio of the steps in which the learning rate rises.
            #[schemars(range(min = 0.0, max = 1.0))]
            pub warmup: f64,
            /// Weight decay of AdamW.
            #[schemars(range(min = 0.0))]
            pub weight_decay: f64,
            /// What ends the training.
            pub stopping: recommender::Stopping,
            /// Number of epochs; the largest number where validation ends the training.
            #[schemars(range(min = 1))]
            pub epochs: usize,
            /// An epoch has at least so many steps: where a pass over the samples has fewer, it is several passes. So `epochs`,
            /// `evaluate_every` and `patience` mean the same for a small set.
            #[schemars(range(min = 1))]
            pub epoch_steps: usize,
            /// Epochs between two evaluations on held-out items.
            #[schemars(range(min = 1))]
            pub evaluate_every: usize,
            /// How many evaluations in a row without a better NDCG@10 end the training.
            #[schemars(range(min = 1))]
            pub patience: usize,
            /// How many users, drawn by the seed, an evaluation decodes lists for; all where there are no more.
            #[schemars(range(min = 1))]
            pub validation_users: usize,
            /// How many paths of the beam search go on from token to token.
            #[schemars(range(min = 1))]
            pub beam: usize,
            /// Length of the ranked lists. A list is shorter where the beam finds fewer items.
            #[schemars(range(min = 1))]
            pub top_k: usize,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $value,)*
                    dim: 64,
                    heads: 4,
                    head_dim: 16,
                    inner_dim: 256,
                    layers: 2,
                    dropout: 0.1,
                    max_length: 20,
                    batch: 256,
                    learning_rate: 3e-3,
                    warmup: 0.05,
                    weight_decay: 0.035,
                    stopping: recommender::Stopping::Validation,
                    epochs: 20,
                    epoch_steps: 50,
                    evaluate_every: 2,
                    patience: 3,
                    validation_users: 3000,
                    beam: 20,
                    top_k: 20,
                }
            }
        }

        impl $name {
            fn shared(&self) -> $crate::parameters::Shared {
                let Self {
                    dim, heads, head_dim, inner_dim, layers, dropout, max_length, batch, learning_rate, warmup,
                    weight_decay, stopping, epochs, epoch_steps, evaluate_every, patience, validation_users, beam, top_k, ..
                } = *self;
                $crate::parameters::Shared {
                    dim, heads, head_dim, inner_dim, layers, dropout, max_length, batch, learning_rate, warmup,
                    weight_decay, stopping, epochs, epoch_steps, evaluate_every, patience, validation_users, beam, top_k,
                }
            }
        }
    };
}
pub(crate) use parameters;

impl Shared {
    /// How long a training of that name goes on, for at most so many epochs.
    pub(crate) fn epochs<'a>(&self, name: &'a str, most: usize) -> Epochs<'a> {
        let Self { evaluate_every, patience, learning_rate, .. } = *self;
        Epochs { name, most, evaluate_every, patience, learning_rate }
    }

    /// Refuses values with which nothing could be trained.
    pub(crate) fn check(&self) -> Result<()> {
        let counts = [
            ("dim", self.dim),
            ("heads", self.heads),
            ("head_dim", self.head_dim),
            ("inner_dim", self.inner_dim),
            ("layers", self.layers),
            ("max_length", self.max_length),
            ("batch", self.batch),
            ("epochs", self.epochs),
            ("epoch_steps", self.epoch_steps),
            ("evaluate_every", self.evaluate_every),
            ("patience", self.patience),
            ("validation_users", self.validation_users),
            ("beam", self.beam),
            ("top_k", self.top_k),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return conflict(format!("{name} is 0, expected at least 1"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return conflict(format!("learning_rate is {}, expected a number above 0", self.learning_rate));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return conflict(format!("weight_decay is {}, expected at least 0", self.weight_decay));
        }
        for (name, value, most) in [("dropout", self.dropout, 0.95), ("warmup", self.warmup, 1.0)] {
            if !(0.0..=most).contains(&value) {
                return conflict(format!("{name} is {value}, expected 0 to {most}"));
            }
        }
        Ok(())
    }
}

pub(crate) fn conflict<T>(message: String) -> Result<T> {
    Err(Failure::new(FailureKind::Conflict, message))
}
