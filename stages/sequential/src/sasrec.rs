//! SASRec: self-attention over the items so far (Kang & McAuley 2018).
//!
//! `x⁰ = dropout(LayerNorm(E_item + P_place))`; each block is `a = LayerNorm(x + dropout(attention(x)))`,
//! `x' = LayerNorm(a + dropout(W₂ gelu(W₁ a)))`, in which an item attends to itself and to those before it. The last block's `x` at a place is
//! `h`, and the score of item j as the next one is `h · E_j`. Every place of a sequence is a training target.

use crate::base::{self, Attention, Dropout, Embedding, FeedForward, Model, Packed, Sampling, Sees, Store, Torch};
use crate::parameters::{Loss, at_least_one, divided, parameters};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use recommender::Stopping;
use tch::Tensor;

parameters! {
    /// Parameters of `sasrec`.
    SasrecParameters {
        /// Number of attention heads; they divide `dim`.
        #[schemars(range(min = 1))]
        heads: usize = 1,
        /// Width of the feed-forward layer.
        #[schemars(range(min = 1))]
        inner: usize = 512,
    }
    defaults {
        dim: 128,
        layers: 1,
        dropout: 0.2,
        max_length: 50,
        loss: Loss::SampledSoftmax,
        negatives: 2048,
        negative_power: 0.0,
        batch: 128,
        learning_rate: 1e-3,
        stopping: Stopping::Validation,
        epochs: 200,
        epoch_steps: 50,
        evaluate_every: 1,
        patience: 3,
        top_k: 20,
    }
    check(own) {
        at_least_one("inner", own.inner)?;
        divided(own.dim, own.heads)
    }
}

/// The stage `sasrec`.
#[derive(Debug)]
pub struct Sasrec;

impl Stage for Sasrec {
    const NAME: &'static str = "sasrec";
    const ABOUT: &'static str =
        "Predicts the next item by self-attention over the items so far (SASRec), and ranks by it.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = SasrecParameters;

    fn inputs() -> Vec<InputPort> {
        base::inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        base::outputs()
    }

    fn run(parameters: SasrecParameters, context: &Context) -> Result<()> {
        base::run::<SasrecModel>(&parameters, context)
    }
}

/// The weights.
#[derive(Debug)]
pub(crate) struct SasrecModel {
    embedding: Embedding,
    blocks: Vec<(Attention, FeedForward)>,
}

impl Model for SasrecModel {
    type Parameters = SasrecParameters;

    fn build(parameters: &SasrecParameters, store: &mut Store) -> Torch<Self> {
        let SasrecParameters { dim, heads, inner, .. } = *parameters;
        let embedding = Embedding::build(store, dim, parameters.max_length)?;
        Ok(Self { embedding, blocks: blocks(store, parameters.layers, dim, heads, inner, Sees::Before)? })
    }

    fn sampling(_parameters: &SasrecParameters) -> Sampling {
        Sampling::NextItem
    }

    fn encode(&self, table: &Tensor, batch: &Packed, dropout: &mut Dropout) -> Torch<Tensor> {
        let x = self.embedding.apply(table, batch, dropout)?;
        through(&self.blocks, x, batch, dropout)
    }
}

/// Blocks of attention and a feed-forward layer.
pub(crate) fn blocks(
    store: &mut Store,
    layers: usize,
    dim: usize,
    heads: usize,
    inner: usize,
    sees: Sees,
) -> Torch<Vec<(Attention, FeedForward)>> {
    let block = |layer: usize| {
        let attention = Attention::build(store, &format!("blocks.{layer}.attention"), dim, heads, sees)?;
        Ok((attention, FeedForward::build(store, &format!("blocks.{layer}.feed_forward"), dim, inner)?))
    };
    (0..layers).map(block).collect()
}

/// `[targets, dim]` what the blocks make of `[tokens, dim]`; the last one computes nothing but the targets.
pub(crate) fn through(
    blocks: &[(Attention, FeedForward)],
    mut x: Tensor,
    batch: &Packed,
    dropout: &mut Dropout,
) -> Torch<Tensor> {
    for (layer, (attention, feed_forward)) in (1..).zip(blocks) {
        let attended = attention.apply(&x, batch, layer == blocks.len(), dropout)?;
        x = feed_forward.apply(&attended, dropout)?;
    }
    Ok(x)
}
