//! The stage's parameters.

use contract::{Failure, FailureKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How codes are learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// From k-means centres of a batch, by gradient descent on the paper's loss.
    #[default]
    GradientDescent,
    /// The k-means centres of what the levels before leave of all items, and nothing more. It looks at no text, so it needs
    /// `llm_alignment = false`.
    ResidualKMeans,
}

/// How text embeddings come to the codes' dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    /// The ridge regression from the items' text embeddings to their own embeddings, fixed: the codes are drawn to what a
    /// text tells of its item.
    Ridge,
    /// The same to start from, then trained together with the codes.
    Learned,
    /// The principal components of the text embeddings, fixed.
    Pca,
}

/// How the last level chooses codes in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastLevel {
    /// The nearest, as all other levels.
    Nearest,
    /// By optimal transport over the batch (Sinkhorn), so that all codes are used about alike.
    Sinkhorn,
}

/// What becomes of items that have all codes in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Collisions {
    /// They keep the nearest codes.
    Keep,
    /// As in LC-Rec: up to 20 iterations in which the last code is chosen anew, by optimal transport within each such group.
    /// Equal embeddings cannot be parted, and the new codes may be far.
    Resolve,
    /// All but one take the nearest last code that no item with the same first codes has, and where too many have these, other first
    /// codes: each item has codes of its own, if there are enough.
    Free,
}

/// Parameters of `codebook`. Levels and codes are the paper's; it gives no settings for the training.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Number of levels N: tokens of an item. With 1 each item is a token of its own: nothing is trained, and no other
    /// parameter matters.
    #[schemars(range(min = 1, max = 5))]
    pub levels: usize,
    /// Codes of a level, C. With 0 one for every eight items that are trained on, at most 256, and in small sets up to 16 for fewer, but two
    /// items for each: for a file that is to fit any set.
    pub codes: usize,
    /// How codes are learned.
    pub method: Method,
    /// Whether the codes are drawn to the items' text embeddings as well. Needs the input `text`.
    pub llm_alignment: bool,
    /// How text embeddings come to the codes' dimension.
    pub projection: Projection,
    /// Factor of the LLM alignment.
    #[schemars(range(min = 0.0))]
    pub alignment_weight: f64,
    /// Whether codes stand for what an encoder makes of an embedding, with a decoder that makes it again: an RQ-VAE, the
    /// paper's "ED". It takes many more epochs. The encoder moves, so the projection is trained then, unless it is `pca`.
    pub encoder_decoder: bool,
    /// Sizes of the encoder's hidden layers; the decoder has them in reverse.
    pub hidden: Vec<usize>,
    /// Length of what the encoder makes of an embedding, and so of the codes.
    #[schemars(range(min = 1))]
    pub code_dim: usize,
    /// How the last level chooses codes in training.
    pub last_level: LastLevel,
    /// What becomes of items that have all codes in common.
    pub collisions: Collisions,
    /// Passes over all items.
    pub epochs: usize,
    /// Items of a training step.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// Learning rate of Adam, for embeddings scaled to a mean square of 1 (the scale is undone in the output).
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// Items of the batch whose k-means clusters are the first codes; all items when there are fewer.
    #[schemars(range(min = 1))]
    pub kmeans_batch: usize,
    /// Ratio of the items that codes and projection are not trained on, drawn by the seed. They get codes by their
    /// embeddings all the same, and the report says how often their text alone would have led to them.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub held_out: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            levels: 4,
            codes: 256,
            method: Method::default(),
            llm_alignment: true,
            projection: Projection::Ridge,
            alignment_weight: 1.0,
            encoder_decoder: false,
            hidden: vec![2048, 1024, 512, 256, 128, 64],
            code_dim: 32,
            last_level: LastLevel::Nearest,
            collisions: Collisions::Keep,
            epochs: 50,
            batch: 1024,
            learning_rate: 1e-3,
            kmeans_batch: 65_536,
            held_out: 0.0,
        }
    }
}

impl Parameters {
    /// The same with the number of codes that 0 stands for, where that many items are.
    pub(crate) fn with_codes_for(mut self, items: usize) -> Self {
        if self.codes == 0 {
            let trained = self.items_to_train_on(items);
            self.codes = (trained / 8).max((trained / 2).min(16)).clamp(2, 256);
        }
        self
    }

    fn items_to_train_on(&self, items: usize) -> usize {
        items.saturating_sub((items as f64 * self.held_out) as usize)
    }

    /// Refuses values that no codebook can have, for that many items.
    pub(crate) fn check(&self, items: usize) -> Result<()> {
        let conflict = |message: String, hint: &str| Err(Failure::new(FailureKind::Conflict, message).hint(hint));
        if !(1..=5).contains(&self.levels) {
            return conflict(format!("levels is {}, expected 1 to 5", self.levels), "the paper has 4");
        }
        if self.levels == 1 {
            return Ok(());
        }
        if self.batch == 0 {
            return conflict("batch is 0, expected at least 1".to_owned(), "the default is 1024");
        }
        if !(0.0..=0.9).contains(&self.held_out) {
            let message = format!("held_out is {}, expected 0 to 0.9", self.held_out);
            return conflict(message, "0.05 holds out one item in twenty");
        }
        let k_means = self.method == Method::ResidualKMeans;
        if k_means && (self.llm_alignment || self.encoder_decoder) {
            let other = if self.llm_alignment { "llm_alignment" } else { "encoder_decoder" };
            let message =
                format!("method is 'residual-k-means' and {other} is true, expected false: k-means learns no {other}");
            return conflict(message, "set it to false, or method = \"gradient-descent\"");
        }
        if self.encoder_decoder && (self.code_dim == 0 || self.hidden.contains(&0)) {
            let message = format!("code_dim is {} and hidden is {:?}, expected at least 1", self.code_dim, self.hidden);
            return conflict(message, "LC-Rec has 32 behind 2048, 1024, 512, 256, 128 and 64");
        }
        let items = self.items_to_train_on(items);
        if self.codes > items {
            return conflict(
                format!("codes is {}, but the items to train on are {items}", self.codes),
                "take at most one code per item, or levels = 1 for a token per item",
            );
        }
        if self.codes > self.kmeans_batch && !k_means {
            let message = format!("codes is {}, but kmeans_batch is {}", self.codes, self.kmeans_batch);
            return conflict(message, "the first codes are clusters of that batch: make it larger");
        }
        let numbers = [("learning_rate", self.learning_rate), ("alignment_weight", self.alignment_weight)];
        match numbers.into_iter().find(|(_, value)| *value < 0.0 || !value.is_finite()) {
            Some((name, value)) => conflict(format!("{name} is {value}, expected at least 0"), "take a number above 0"),
            None => Ok(()),
        }
    }
}
