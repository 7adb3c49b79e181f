//! The parameters that all models have, and those of each.

use contract::{Failure, FailureKind, Result};
use nn::Epochs;
use recommender::Stopping;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a training step minimises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Cross-entropy over all items.
    FullSoftmax,
    /// Cross-entropy over the target and `negatives` items drawn for the whole batch, with the log-probability correction.
    #[default]
    SampledSoftmax,
    /// Binary cross-entropy of each target and of one item that is not in the sequence, as SASRec was published.
    Original,
}

/// The settings that all models share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) top_k: usize,
    pub(crate) dim: usize,
    pub(crate) layers: usize,
    pub(crate) dropout: f64,
    pub(crate) max_length: usize,
    pub(crate) loss: Loss,
    pub(crate) negatives: usize,
    pub(crate) negative_power: f64,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f64,
    pub(crate) stopping: Stopping,
    pub(crate) epochs: usize,
    pub(crate) epoch_steps: usize,
    pub(crate) evaluate_every: usize,
    pub(crate) patience: usize,
}

/// The parameters of a model: its own, and those that all share.
pub(crate) trait ModelParameters {
    /// Those that all share.
    fn shared(&self) -> Shared;

    /// Refuses values of its own with which nothing could be trained.
    fn check_own(&self) -> Result<()>;
}

/// Declares the parameters of a model: its own fields, then the shared ones, with their defaults.
macro_rules! parameters {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$of_field:meta])* $field:ident: $kind:ty = $value:expr,)* }
        defaults { $($shared:ident: $default:expr,)* }
        check($own:ident) $check:block
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$of_field])* pub $field: $kind,)*
            /// Length of an item's embedding and of the hidden states.
            #[schemars(range(min = 1))]
            pub dim: usize,
            /// Number of blocks.
            #[schemars(range(min = 1))]
            pub layers: usize,
            /// Probability that a number is dropped in training.
            #[schemars(range(min = 0.0, max = 0.95))]
            pub dropout: f64,
            /// How many of the latest items of a sequence the model sees.
            #[schemars(range(min = 1))]
            pub max_length: usize,
            /// What a training step minimises.
            pub loss: $crate::parameters::Loss,
            /// How many items are drawn for a batch with `sampled-softmax`. Where there are no more items than that, the
            /// softmax is over all of them.
            #[schemars(range(min = 1))]
            pub negatives: usize,
            /// Negatives are drawn in proportion to this power of how often an item occurs, plus 1: 0 draws all alike.
            #[schemars(range(min = 0.0, max = 1.0))]
            pub negative_power: f64,
            /// Sequences of a training step.
            #[schemars(range(min = 1))]
            pub batch: usize,
            /// Learning rate of Adam.
            #[schemars(range(min = 0.0))]
            pub learning_rate: f64,
            /// What ends the training.
            pub stopping: ::recommender::Stopping,
            /// Number of epochs; the largest number where validation ends the training.
            #[schemars(range(min = 1))]
            pub epochs: usize,
            /// An epoch has at least so many steps: where a pass over the samples has fewer, it is several passes. So `epochs`,
            /// `evaluate_every` and `patience` mean the same for a small set.
            #[schemars(range(min = 1))]
            pub epoch_steps: usize,
            /// Epochs between two evaluations on the validation items.
            #[schemars(range(min = 1))]
            pub evaluate_every: usize,
            /// How many evaluations in a row without a better NDCG@10 end the training.
            #[schemars(range(min = 1))]
            pub patience: usize,
            /// Length of the ranked lists.
            #[schemars(range(min = 1))]
            pub top_k: usize,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $value,)* $($shared: $default,)* }
            }
        }

        impl $crate::parameters::ModelParameters for $name {
            fn shared(&self) -> $crate::parameters::Shared {
                $crate::parameters::Shared { $($shared: self.$shared,)* }
            }

            fn check_own(&self) -> contract::Result<()> {
                let $own = self;
                $check
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
            ("layers", self.layers),
            ("max_length", self.max_length),
            ("negatives", self.negatives),
            ("batch", self.batch),
            ("epochs", self.epochs),
            ("epoch_steps", self.epoch_steps),
            ("evaluate_every", self.evaluate_every),
            ("patience", self.patience),
            ("top_k", self.top_k),
        ];
        for (name, value) in counts {
            at_least_one(name, value)?;
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return conflict(format!("learning_rate is {}, expected a number above 0", self.learning_rate));
        }
        ratio("dropout", self.dropout, 0.95)?;
        ratio("negative_power", self.negative_power, 1.0)
    }
}

/// Refuses 0.
pub(crate) fn at_least_one(name: &str, value: usize) -> Result<()> {
    if value == 0 { conflict(format!("{name} is 0, expected at least 1")) } else { Ok(()) }
}

/// Refuses what lies outside `0..=most`.
pub(crate) fn ratio(name: &str, value: f64, most: f64) -> Result<()> {
    if (0.0..=most).contains(&value) { Ok(()) } else { conflict(format!("{name} is {value}, expected 0 to {most}")) }
}

/// Refuses a width that heads do not divide.
pub(crate) fn divided(dim: usize, heads: usize) -> Result<()> {
    at_least_one("heads", heads)?;
    if dim.is_multiple_of(heads) {
        return Ok(());
    }
    conflict(format!("dim is {dim} and heads is {heads}, expected a dim that heads divides"))
}

fn conflict(message: String) -> Result<()> {
    Err(Failure::new(FailureKind::Conflict, message))
}
