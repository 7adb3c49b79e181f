//! What is trained, in one of two forms with the same loss: rows on the CPU by hand-written kernels, or tensors on a device.

use crate::adam::Adam;
use crate::graph::Graph;
use crate::loss::{Objective, Terms};
use crate::sampler::Batch;
use crate::tensors::TensorModel;
use crate::weights::Weights;
use contract::Result;
use tch::Device;

/// The weights with their optimizer.
#[derive(Debug)]
pub(crate) enum Model<'a> {
    /// On the CPU; results do not depend on the number of threads.
    Rows(RowModel<'a>),
    /// On any device of libtorch.
    Tensors(TensorModel<'a>),
}

/// The weights on the CPU.
#[derive(Debug)]
pub(crate) struct RowModel<'a> {
    graph: &'a Graph,
    objective: &'a Objective,
    weights: Weights,
    adam: Adam,
}

impl<'a> Model<'a> {
    /// The form for a device: rows for the CPU, where they are faster, and tensors for any other.
    pub(crate) fn new(
        graph: &'a Graph,
        objective: &'a Objective,
        weights: Weights,
        learning_rate: f32,
        device: Device,
    ) -> Result<Self> {
        if device != Device::Cpu {
            return TensorModel::new(graph, objective, &weights, learning_rate, device).map(Self::Tensors);
        }
        let adam = Adam::new(&weights, learning_rate);
        Ok(Self::Rows(RowModel { graph, objective, weights, adam }))
    }

    /// Takes one step of Adam against the loss of a batch; gives the terms of the loss before it.
    pub(crate) fn step(&mut self, batch: &Batch) -> Result<Terms> {
        match self {
            Self::Rows(rows) => {
                let (terms, gradient) = rows.objective.loss_and_gradient(rows.graph, &rows.weights, batch)?;
                // Whoever asked for the step ends the training; the last finite weights are not spoiled.
                if terms.total().is_finite() {
                    rows.adam.step(&mut rows.weights, &gradient);
                }
                Ok(terms)
            }
            Self::Tensors(tensors) => tensors.step(batch),
        }
    }

    /// The final embeddings `F = Σ_l X_l` `[nodes, dim]`.
    pub(crate) fn embeddings(&self) -> Result<Vec<f32>> {
        match self {
            Self::Rows(rows) => rows.objective.forward(rows.graph, &rows.weights).map(|(_, sum)| sum),
            Self::Tensors(tensors) => tensors.embeddings(),
        }
    }

    /// A copy of the weights.
    pub(crate) fn weights(&self) -> Result<Weights> {
        match self {
            Self::Rows(rows) => Ok(rows.weights.clone()),
            Self::Tensors(tensors) => tensors.weights(),
        }
    }
}
