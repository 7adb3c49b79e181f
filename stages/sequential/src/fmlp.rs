//! FMLP-Rec: learned filters of the sequence in place of attention (Zhou et al. 2022).
//!
//! `x⁰ = dropout(LayerNorm(E_item + P_place))`, padded with zeros on the left to `max_length` places. A block is
//! `a = LayerNorm(x + dropout(F⁻¹(W ⊙ F(x))))`, `x' = LayerNorm(a + dropout(W₂ gelu(W₁ a)))`, where F is the Fourier transform along
//! the places, scaled so that it keeps lengths, and W a complex number for each frequency and column. The score of item j after the
//! sequence is `x_last · E_j`.
//!
//! A filter goes round: what comes early is changed by what comes late. So only the last place has a target, and every beginning of a
//! sequence is a sample. Places without an item are zeros at each filter, so they add nothing; the published code lets their
//! positions through.

use crate::base::{self, Dropout, Embedding, FeedForward, LayerNorm, Model, Packed, Sampling, Store, Torch};
use crate::parameters::{Loss, at_least_one, parameters};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use recommender::Stopping;
use tch::Tensor;

parameters! {
    /// Parameters of `fmlp`.
    FmlpParameters {
        /// Width of the feed-forward layer.
        #[schemars(range(min = 1))]
        inner: usize = 256,
    }
    defaults {
        dim: 64,
        layers: 2,
        dropout: 0.5,
        max_length: 50,
        loss: Loss::SampledSoftmax,
        negatives: 2048,
        negative_power: 0.0,
        batch: 256,
        learning_rate: 1e-3,
        stopping: Stopping::Validation,
        epochs: 200,
        epoch_steps: 50,
        evaluate_every: 1,
        patience: 3,
        top_k: 20,
    }
    check(own) { at_least_one("inner", own.inner) }
}

/// The stage `fmlp`.
#[derive(Debug)]
pub struct Fmlp;

impl Stage for Fmlp {
    const NAME: &'static str = "fmlp";
    const ABOUT: &'static str =
        "Predicts the next item by learned filters of the items so far (FMLP-Rec), and ranks by it.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = FmlpParameters;

    fn inputs() -> Vec<InputPort> {
        base::inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        base::outputs()
    }

    fn run(parameters: FmlpParameters, context: &Context) -> Result<()> {
        base::run::<FmlpModel>(&parameters, context)
    }
}

/// The weights.
#[derive(Debug)]
pub(crate) struct FmlpModel {
    embedding: Embedding,
    blocks: Vec<(Filter, FeedForward)>,
}

impl Model for FmlpModel {
    type Parameters = FmlpParameters;

    fn build(parameters: &FmlpParameters, store: &mut Store) -> Torch<Self> {
        let FmlpParameters { dim, max_length, .. } = *parameters;
        let embedding = Embedding::build(store, dim, max_length)?;
        let block = |layer: usize| {
            let filter = Filter::build(store, &format!("blocks.{layer}.filter"), dim, max_length)?;
            Ok((filter, FeedForward::build(store, &format!("blocks.{layer}.feed_forward"), dim, parameters.inner)?))
        };
        Ok(Self { embedding, blocks: (0..parameters.layers).map(block).collect::<Torch<_>>()? })
    }

    fn sampling(_parameters: &FmlpParameters) -> Sampling {
        Sampling::Beginnings
    }

    fn width(parameters: &FmlpParameters) -> Option<usize> {
        Some(parameters.max_length)
    }

    fn encode(&self, table: &Tensor, batch: &Packed, dropout: &mut Dropout) -> Torch<Tensor> {
        let mut x = self.embedding.apply(table, batch, dropout)?;
        for (layer, (filter, feed_forward)) in (1..).zip(&self.blocks) {
            let filtered = filter.apply(&x, batch, layer == self.blocks.len(), dropout)?;
            x = feed_forward.apply(&filtered, dropout)?;
        }
        Ok(x)
    }
}

/// `LayerNorm(x + dropout(F⁻¹(W ⊙ F(x))))`.
#[derive(Debug)]
struct Filter {
    /// `[frequencies, dim, 2]` real and imaginary parts.
    weight: Tensor,
    norm: LayerNorm,
    width: i64,
}

impl Filter {
    fn build(store: &mut Store, name: &str, dim: usize, width: usize) -> Torch<Self> {
        let weight = store.normal(&format!("{name}.weight"), &[(width / 2 + 1) as i64, dim as i64, 2])?;
        Ok(Self { weight, norm: LayerNorm::build(store, &format!("{name}.norm"), dim)?, width: width as i64 })
    }

    /// `[tokens, dim]`, or `[targets, dim]` where only those are asked for.
    fn apply(&self, x: &Tensor, batch: &Packed, only_targets: bool, dropout: &mut Dropout) -> Torch<Tensor> {
        let frequencies = batch.pad(x)?.f_fft_rfft(None, 1, "ortho")?.f_mul(&self.weight.f_view_as_complex()?)?;
        let mut filtered = batch.unpad(&frequencies.f_fft_irfft(self.width, 1, "ortho")?)?;
        let mut x = x.shallow_clone();
        if only_targets {
            filtered = filtered.f_index_select(0, &batch.targets)?;
            x = x.f_index_select(0, &batch.targets)?;
        }
        self.norm.apply(&dropout.apply(&filtered)?.f_add(&x)?)
    }
}
