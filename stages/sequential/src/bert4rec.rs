//! BERT4Rec: attention to both sides, trained to find hidden items (Sun et al. 2019).
//!
//! The blocks are those of SASRec, but every item attends to all. Every beginning of a sequence is a sample, in which items are hidden
//! behind a mask: with the probability `last_ratio` its last item alone, which is the question that is asked later, and otherwise
//! each with the probability `mask_ratio`. At a masked place `h = LayerNorm(gelu(W x))`, and the score of item j there is
//! `h · E_j + b_j`. The next item is asked for by a mask after the history.

use crate::base::{
    self, Attention, Dropout, Embedding, FeedForward, LayerNorm, Linear, Model, Packed, Sampling, Sees, Store, Torch,
};
use crate::parameters::{Loss, at_least_one, divided, parameters, ratio};
use crate::sasrec::{blocks, through};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use recommender::Stopping;
use tch::{Kind, Tensor};

parameters! {
    /// Parameters of `bert4rec`.
    Bert4recParameters {
        /// Probability that an item is hidden, where not the last one alone is.
        #[schemars(range(min = 0.0, max = 1.0))]
        mask_ratio: f64 = 0.2,
        /// Probability that the last item alone is hidden.
        #[schemars(range(min = 0.0, max = 1.0))]
        last_ratio: f64 = 0.5,
        /// Number of attention heads; they divide `dim`.
        #[schemars(range(min = 1))]
        heads: usize = 2,
        /// Width of the feed-forward layer.
        #[schemars(range(min = 1))]
        inner: usize = 512,
    }
    defaults {
        dim: 128,
        layers: 2,
        dropout: 0.2,
        max_length: 50,
        loss: Loss::SampledSoftmax,
        negatives: 2048,
        negative_power: 0.0,
        batch: 256,
        learning_rate: 1e-3,
        stopping: Stopping::Validation,
        epochs: 400,
        epoch_steps: 50,
        evaluate_every: 1,
        patience: 3,
        top_k: 20,
    }
    check(own) {
        ratio("mask_ratio", own.mask_ratio, 1.0)?;
        ratio("last_ratio", own.last_ratio, 1.0)?;
        at_least_one("inner", own.inner)?;
        divided(own.dim, own.heads)
    }
}

/// The stage `bert4rec`.
#[derive(Debug)]
pub struct Bert4rec;

impl Stage for Bert4rec {
    const NAME: &'static str = "bert4rec";
    const ABOUT: &'static str =
        "Predicts hidden items by attention to both sides (BERT4Rec), and ranks next items by it.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = Bert4recParameters;

    fn inputs() -> Vec<InputPort> {
        base::inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        base::outputs()
    }

    fn run(parameters: Bert4recParameters, context: &Context) -> Result<()> {
        base::run::<Bert4recModel>(&parameters, context)
    }
}

/// The weights. The table has a row for the mask and a column for the items' biases.
#[derive(Debug)]
pub(crate) struct Bert4recModel {
    embedding: Embedding,
    blocks: Vec<(Attention, FeedForward)>,
    head: Linear,
    norm: LayerNorm,
    dim: i64,
}

impl Model for Bert4recModel {
    type Parameters = Bert4recParameters;
    const EXTRA_ROWS: usize = 1;
    const EXTRA_COLUMNS: usize = 1;
    const ASKS_WITH_MASK: bool = true;

    fn build(parameters: &Bert4recParameters, store: &mut Store) -> Torch<Self> {
        let Bert4recParameters { dim, heads, inner, .. } = *parameters;
        Ok(Self {
            embedding: Embedding::build(store, dim, parameters.max_length)?,
            blocks: blocks(store, parameters.layers, dim, heads, inner, Sees::All)?,
            head: Linear::build(store, "head", dim, dim)?,
            norm: LayerNorm::build(store, "head.norm", dim)?,
            dim: dim as i64,
        })
    }

    fn sampling(parameters: &Bert4recParameters) -> Sampling {
        Sampling::Masked { ratio: parameters.mask_ratio, last: parameters.last_ratio }
    }

    fn encode(&self, table: &Tensor, batch: &Packed, dropout: &mut Dropout) -> Torch<Tensor> {
        let x = self.embedding.apply(&table.f_narrow(1, 0, self.dim)?, batch, dropout)?;
        let x = through(&self.blocks, x, batch, dropout)?;
        let hidden = self.norm.apply(&self.head.apply(&x)?.f_gelu("none")?)?;
        let one = Tensor::f_ones([hidden.size()[0], 1], (Kind::Float, hidden.device()))?;
        Tensor::f_cat(&[hidden, one], 1)
    }
}
