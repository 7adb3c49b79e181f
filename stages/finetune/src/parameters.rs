//! The parameters of the fine-tuning.

use crate::conflict;
use contract::Result;
use nn::Precision;
use recommender::Stopping;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Train {
    /// Low-rank adapters, and the new tokens' rows of embedding and head.
    #[default]
    Lora,
    /// Every weight.
    All,
}

/// What the new tokens' rows of the embedding start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NewTokens {
    /// The mean of all rows, and noise.
    #[default]
    Mean,
    /// The codebook's vectors through a perceptron of two layers; both train with the rest (Table 7 of the paper).
    #[serde(rename = "mlp-2")]
    Mlp2,
    /// The same with three layers.
    #[serde(rename = "mlp-3")]
    Mlp3,
}

/// Which weights are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those after the last step.
    #[default]
    Last,
    /// Those after the epoch in which the loss on the validation prompts was lowest.
    Best,
}

/// The parameters of [`Finetune`](crate::Finetune).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// What is trained. A model that knows nothing yet needs `all`.
    pub train: Train,
    /// Rank of the adapters.
    #[schemars(range(min = 1))]
    pub lora_r: i64,
    /// The adapters' scale is alpha / r.
    pub lora_alpha: f64,
    /// Ratio of the adapters' inputs that is dropped.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub lora_dropout: f64,
    /// The projections that have an adapter.
    pub target_modules: Vec<String>,
    /// The highest learning rate; it falls to zero along a cosine.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// How many epochs there are; the largest number where validation ends the training.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// An epoch is as many passes over the samples as have that many steps; with 1 each sample is seen once. Where validation ends the training
    /// of a small set, one pass teaches too little to tell whether it goes on.
    #[schemars(range(min = 1))]
    pub epoch_steps: usize,
    /// What ends the training: the number of `epochs`, or, with `validation`, the NDCG@10 of lists for held-out items. Where
    /// `ingest` holds out none, a training on `choice` chooses the number of epochs, and a second one on `tasks` has as many.
    pub stopping: Stopping,
    /// How many epochs in a row without a better NDCG@10 end the training, with `stopping = "validation"`.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// How many held-out items are asked for after each epoch, with `stopping = "validation"`.
    #[schemars(range(min = 1))]
    pub validation_users: usize,
    /// Which weights are written: the `last`, or the `best` by the loss on `validation`.
    pub keep: Keep,
    /// Tokens of a step, after merging what samples share. A step has at least one group.
    #[schemars(range(min = 1))]
    pub batch_tokens: usize,
    /// Tokens that are computed at once, padding included; a step with more is computed in parts. With 0 as many as keep about
    /// 1 GiB of activations on a CPU, or 12 GiB on a GPU.
    pub memory_tokens: usize,
    /// Ratio of the steps in which the learning rate rises.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub warmup: f64,
    /// Decoupled weight decay of matrices.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// The highest norm of a step's gradients; 0 for no limit.
    #[schemars(range(min = 0.0))]
    pub clip: f64,
    /// Which part of a token's label goes to all tokens alike: the loss of a label y is `−(1 − s) log p(y) − s mean log p`. Losses of
    /// validation have none.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub label_smoothing: f64,
    /// Decay of a moving average of the weights, which is validated and written in their place; 0 for none.
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub weight_average: f64,
    /// Samples with more tokens are dropped and counted.
    #[schemars(range(min = 2))]
    pub max_tokens: usize,
    /// Ratio of the residual stream's inputs that is dropped. LLaMA has none; a small model from nothing gains by some.
    #[schemars(range(min = 0.0, max = 0.99))]
    pub dropout: f64,
    /// Whether what samples of a group share is computed once.
    pub packing: bool,
    /// Whether the end token after a label carries loss too.
    pub end_token: bool,
    /// In which kind of numbers activations are computed.
    pub precision: Precision,
    /// Whether only the input of each block is kept for its gradients and the rest computed again: far less memory for
    /// about a third more time.
    pub gradient_checkpointing: bool,
    /// What the new tokens' rows of the embedding start from; `mlp-2` and `mlp-3` need `codebook`.
    pub new_tokens: NewTokens,
    /// Standard deviation of the noise around the mean row with which new tokens start.
    #[schemars(range(min = 0.0))]
    pub new_token_std: f64,
    /// Weight of the tokens' loss; 0 trains the item head alone.
    #[schemars(range(min = 0.0))]
    pub token_weight: f64,
    /// Whether a vector for each item is trained beside the tokens, by which `precache` can rank: `scoring = "head"` or
    /// `"rerank"`.
    pub item_head: bool,
    /// Weight of the item head's loss.
    #[schemars(range(min = 0.0))]
    pub item_weight: f64,
    /// How many items are drawn for a step of the item head. Where there are no more items, the softmax is over all of them.
    #[schemars(range(min = 1))]
    pub item_negatives: usize,
    /// Whether an item in a prompt carries its vector: added to the embedding of its last code.
    pub item_input: bool,
    /// What the vector is multiplied with there. With the root of the model's width it stands out from what a random model adds.
    #[schemars(range(min = 0.0))]
    pub item_input_scale: f64,
    /// Standard deviation of the vectors with which the item head starts.
    #[schemars(range(min = 0.0))]
    pub item_std: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
        Self {
            train: Train::Lora,
            lora_r: 8,
            lora_alpha: 32.0,
            lora_dropout: 0.05,
            target_modules: targets.map(str::to_owned).to_vec(),
            learning_rate: 1e-4,
            epochs: 4,
            epoch_steps: 1,
            keep: Keep::Last,
            batch_tokens: 8192,
            memory_tokens: 0,
            warmup: 0.01,
            weight_decay: 0.01,
            clip: 1.0,
            label_smoothing: 0.0,
            weight_average: 0.0,
            max_tokens: 2048,
            dropout: 0.0,
            packing: true,
            end_token: false,
            precision: Precision::Auto,
            gradient_checkpointing: false,
            new_tokens: NewTokens::Mean,
            new_token_std: 0.02,
            token_weight: 1.0,
            item_head: false,
            item_weight: 1.0,
            item_negatives: 2048,
            item_input: true,
            item_input_scale: 1.0,
            item_std: 0.02,
            stopping: Stopping::Epochs,
            patience: 3,
            validation_users: 2000,
        }
    }
}

impl Parameters {
    /// Refuses values with which nothing can be trained.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = [
            ("epochs", f64::from(self.epochs)),
            ("epoch_steps", self.epoch_steps as f64),
            ("batch_tokens", self.batch_tokens as f64),
            ("learning_rate", self.learning_rate),
            ("lora_r", self.lora_r as f64),
            ("patience", self.patience as f64),
            ("validation_users", self.validation_users as f64),
            ("item_weight", self.item_weight),
            ("item_negatives", self.item_negatives as f64),
            ("item_input_scale", self.item_input_scale),
        ];
        if let Some((name, value)) = positive.iter().find(|(_, value)| *value <= 0.0 || !value.is_finite()) {
            return Err(conflict(format!("{name} is {value}, expected more than 0")));
        }
        for (name, ratio) in [
            ("dropout", self.dropout),
            ("lora_dropout", self.lora_dropout),
            ("label_smoothing", self.label_smoothing),
            ("weight_average", self.weight_average),
        ] {
            if !(0.0..1.0).contains(&ratio) {
                return Err(conflict(format!("{name} is {ratio}, expected at least 0 and less than 1")));
            }
        }
        if !(self.token_weight >= 0.0 && self.token_weight.is_finite()) {
            return Err(conflict(format!("token_weight is {}, expected at least 0", self.token_weight)));
        }
        if self.token_weight == 0.0 && !self.item_head {
            return Err(conflict("token_weight is 0 and item_head is false, so nothing would be trained")
                .hint("set item_head = true, or token_weight above 0"));
        }
        if self.stopping == Stopping::Validation && self.keep == Keep::Best {
            return Err(conflict(
                "stopping is \"validation\", which keeps the epoch of the best NDCG@10, and keep is \"best\"",
            )
            .hint("remove keep, or set stopping = \"epochs\" to keep the epoch of the lowest loss"));
        }
        Ok(())
    }
}
