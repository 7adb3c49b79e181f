//! GRU4Rec: a gated recurrent network over the items so far (Hidasi et al. 2016; Tan et al. 2016).
//!
//! `x_t = dropout(E_item)`; in each layer `r = σ(W_r x_t + U_r s)`, `z = σ(W_z x_t + U_z s)`, `n = tanh(W_n x_t + r ⊙ U_n s)`, and the
//! state becomes `s_t = (1 − z) ⊙ n + z ⊙ s`, from zeros at the start. Then `h = W s_t + b`, and the score of item j as the next one is `h · E_j`.
//! Without biases a state of zeros stays one on places without an item, which are zeros on the left.

use crate::base::{self, Dropout, Linear, Model, Packed, Sampling, Store, Torch};
use crate::parameters::{Loss, at_least_one, parameters};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use recommender::Stopping;
use tch::{Kind, Tensor};

parameters! {
    /// Parameters of `gru4rec`.
    Gru4recParameters {
        /// Width of the state.
        #[schemars(range(min = 1))]
        inner: usize = 128,
    }
    defaults {
        dim: 64,
        layers: 1,
        dropout: 0.3,
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
    check(own) { at_least_one("inner", own.inner) }
}

/// The stage `gru4rec`.
#[derive(Debug)]
pub struct Gru4rec;

impl Stage for Gru4rec {
    const NAME: &'static str = "gru4rec";
    const ABOUT: &'static str =
        "Predicts the next item by a recurrent network over the items so far (GRU4Rec), and ranks by it.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = Gru4recParameters;

    fn inputs() -> Vec<InputPort> {
        base::inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        base::outputs()
    }

    fn run(parameters: Gru4recParameters, context: &Context) -> Result<()> {
        base::run::<Gru4recModel>(&parameters, context)
    }
}

/// The weights.
#[derive(Debug)]
pub(crate) struct Gru4recModel {
    /// For each layer the matrices for the input and for the state, each with those of r, z and n below each other.
    gates: Vec<Tensor>,
    layers: i64,
    inner: i64,
    head: Linear,
}

impl Model for Gru4recModel {
    type Parameters = Gru4recParameters;

    fn build(parameters: &Gru4recParameters, store: &mut Store) -> Torch<Self> {
        let Gru4recParameters { dim, inner, layers, .. } = *parameters;
        let mut gates = Vec::with_capacity(2 * layers);
        for layer in 0..layers {
            let inputs = if layer == 0 { dim } else { inner };
            for (name, columns) in [("input", inputs), ("state", inner)] {
                gates
                    .push(store.xavier_uniform(&format!("layers.{layer}.{name}"), [3 * inner as i64, columns as i64])?);
            }
        }
        Ok(Self { gates, layers: layers as i64, inner: inner as i64, head: Linear::build(store, "head", inner, dim)? })
    }

    fn sampling(_parameters: &Gru4recParameters) -> Sampling {
        Sampling::NextItem
    }

    fn encode(&self, table: &Tensor, batch: &Packed, dropout: &mut Dropout) -> Torch<Tensor> {
        let x = batch.pad(&dropout.apply(&table.f_index_select(0, &batch.items)?)?)?;
        let start = Tensor::f_zeros([self.layers, x.size()[0], self.inner], (Kind::Float, x.device()))?;
        let (states, _) = x.f_gru(&start, &self.gates, false, self.layers, 0.0, true, false, true)?;
        self.head.apply(&batch.unpad(&states)?.f_index_select(0, &batch.targets)?)
    }
}
