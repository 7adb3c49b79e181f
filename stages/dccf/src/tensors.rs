//! The same loss as operations of libtorch on any device, for training on a GPU.
//!
//! Gradients are libtorch's own, but for the contrastive terms: these are derived block by block as on the CPU
//! ([`crate::contrast`]) and handed on through a term whose gradient is theirs, so that no `[n, n]` matrix outlives its
//! block. Memory is at most `layers × (9 × edges + 12 × nodes) × dim × 4` bytes for what the gradient needs (an edge counts
//! in both directions), and `4 × 256 × n` bytes for a block of similarities of n rows.
//!
//! Sums over edges are atomic additions on a GPU, so two runs there may differ in the last bits; on the CPU they do not.

use crate::contrast::block_loss;
use crate::graph::Graph;
use crate::loss::{Objective, Terms, contrast_weight, contrasted};
use crate::matrix::values;
use crate::sampler::Batch;
use crate::weights::{Shapes, Weights};
use contract::Result;
use nn::{AdamW, Parameter, failed};
use tch::{Device, Kind, TchError, Tensor, no_grad};

type Torch<T> = std::result::Result<T, TchError>;

/// Rows of the n × n similarities that exist at one time.
const ROWS: usize = 256;

/// The training pairs as tensors: each edge in both directions.
#[derive(Debug)]
struct Edges {
    /// `[edges]` the node that an edge leads to.
    heads: Tensor,
    /// `[edges]` the node that it comes from.
    tails: Tensor,
    /// `[edges, 1]` the edge's entry of `G = D^-1/2 A D^-1/2`.
    weights: Tensor,
}

/// The weights on a device, and all that a step needs.
#[derive(Debug)]
pub(crate) struct TensorModel<'a> {
    graph: &'a Graph,
    objective: &'a Objective,
    edges: Edges,
    device: Device,
    shapes: Shapes,
    nodes: Tensor,
    user_intents: Tensor,
    item_intents: Tensor,
    optimizer: AdamW,
    learning_rate: f64,
}

/// The views of one layer, each `[nodes, dim]`.
struct Views {
    z: Tensor,
    h: Tensor,
    b: Tensor,
    t: Tensor,
}

impl<'a> TensorModel<'a> {
    /// Copies the weights to a device.
    pub(crate) fn new(
        graph: &'a Graph,
        objective: &'a Objective,
        weights: &Weights,
        learning_rate: f32,
        device: Device,
    ) -> Result<Self> {
        let dim = objective.dim;
        let shapes = Shapes { users: graph.users, items: graph.items, dim, intents: weights.user_intents.len() / dim };
        let make = || -> Torch<_> {
            let leaf = |values: &[f32], columns: usize| -> Torch<Tensor> {
                Tensor::f_from_slice(values)?.f_view([-1, columns as i64])?.f_to(device)?.f_set_requires_grad(true)
            };
            let nodes = leaf(&weights.nodes, dim)?;
            let user_intents = leaf(&weights.user_intents, shapes.intents)?;
            let item_intents = leaf(&weights.item_intents, shapes.intents)?;
            Ok((Edges::new(graph, device)?, nodes, user_intents, item_intents))
        };
        let (edges, nodes, user_intents, item_intents) = make().map_err(failed("copy the weights to the device"))?;
        let trained = [("nodes", &nodes), ("user_intents", &user_intents), ("item_intents", &item_intents)];
        let parameters = trained.map(|(name, tensor)| Parameter {
            name: name.to_owned(),
            tensor: tensor.shallow_clone(),
            decays: false,
        });
        let optimizer = AdamW::new(parameters.into(), 0.0)?;
        let learning_rate = f64::from(learning_rate);
        Ok(Self {
            graph,
            objective,
            edges,
            device,
            shapes,
            nodes,
            user_intents,
            item_intents,
            optimizer,
            learning_rate,
        })
    }

    /// Leaves the gradient of a batch's loss in the weights; gives its terms.
    pub(crate) fn backward(&self, batch: &Batch) -> Result<Terms> {
        self.loss(batch)
            .and_then(|(terms, loss)| {
                loss.f_backward()?;
                Ok(terms)
            })
            .map_err(failed("train on the device"))
    }

    /// Takes one step of Adam against the loss of a batch.
    pub(crate) fn step(&mut self, batch: &Batch) -> Result<Terms> {
        let terms = self.backward(batch)?;
        self.optimizer.step(self.learning_rate)?;
        Ok(terms)
    }

    /// The final embeddings `F = Σ_l X_l` `[nodes, dim]`.
    pub(crate) fn embeddings(&self) -> Result<Vec<f32>> {
        let sum = no_grad(|| self.layers().map(|(_, sum)| sum)).map_err(failed("embed on the device"))?;
        values(&sum.to_device(Device::Cpu))
    }

    /// The weights, copied from the device.
    pub(crate) fn weights(&self) -> Result<Weights> {
        let [nodes, user_intents, item_intents] =
            [&self.nodes, &self.user_intents, &self.item_intents].map(|of| of.detach().to_device(Device::Cpu));
        Ok(Weights {
            nodes: values(&nodes)?,
            user_intents: values(&user_intents)?,
            item_intents: values(&item_intents)?,
        })
    }

    /// The views of every layer, and the final embeddings.
    fn layers(&self) -> Torch<(Vec<Views>, Tensor)> {
        let (mut x, mut sum) = (self.nodes.shallow_clone(), self.nodes.shallow_clone());
        let mut layers = Vec::with_capacity(self.objective.layers);
        for _ in 0..self.objective.layers {
            let views = self.views(&x)?;
            x = x.f_add(&views.z)?.f_add(&views.h)?.f_add(&views.b)?.f_add(&views.t)?;
            sum = sum.f_add(&x)?;
            layers.push(views);
        }
        Ok((layers, sum))
    }

    fn views(&self, x: &Tensor) -> Torch<Views> {
        let (users, items) = (self.shapes.users as i64, self.shapes.items as i64);
        let z = self.edges.propagate(x, &self.edges.weights)?;
        let mix = |x: &Tensor, intents: &Tensor| {
            x.f_matmul(intents)?.f_softmax(1, Kind::Float)?.f_matmul(&intents.f_transpose(0, 1)?)
        };
        let h = Tensor::f_cat(
            &[
                mix(&x.f_narrow(0, 0, users)?, &self.user_intents)?,
                mix(&x.f_narrow(0, users, items)?, &self.item_intents)?,
            ],
            0,
        )?;
        let (b, t) = (self.edges.propagate_by_view(&z, x)?, self.edges.propagate_by_view(&h, x)?);
        Ok(Views { z, h, b, t })
    }

    /// The terms of the loss, and a scalar whose gradient is the loss's.
    fn loss(&self, batch: &Batch) -> Torch<(Terms, Tensor)> {
        let objective = self.objective;
        let (layers, sum) = self.layers()?;
        let users = self.shapes.users;
        let columns = [
            self.indices(batch.users.iter().map(|&user| user as usize))?,
            self.indices(batch.positives.iter().map(|&item| users + item as usize))?,
            self.indices(batch.negatives.iter().map(|&item| users + item as usize))?,
        ];
        let row = |of: &Tensor, column: usize| of.f_index_select(0, &columns[column]);
        let margin = row(&sum, 0)?.f_mul(&row(&sum, 2)?.f_sub(&row(&sum, 1)?)?)?;
        let bpr =
            margin.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Float)?.f_softplus()?.f_mean(Kind::Float)?;
        let mut norms = row(&self.nodes, 0)?.f_square()?.f_sum(Kind::Float)?;
        for column in [1, 2] {
            norms = norms.f_add(&row(&self.nodes, column)?.f_square()?.f_sum(Kind::Float)?)?;
        }
        let squares = |of: &Tensor| of.f_square()?.f_sum(Kind::Float);
        let intents = squares(&self.user_intents)?.f_add(&squares(&self.item_intents)?)?;
        let all = squares(&self.nodes)?.f_add(&intents)?;
        let (contrast, surrogate) = self.contrast(&layers, batch)?;
        let terms = Terms {
            bpr: f64::try_from(&bpr)?,
            embedding_decay: f64::from(objective.embedding_decay) * f64::try_from(&norms)?,
            intent_decay: f64::from(objective.intent_decay) * f64::try_from(&intents)?,
            weight_decay: f64::from(objective.weight_decay) * f64::try_from(&all)?,
            contrast,
        };
        let loss = bpr
            .f_add(&norms.f_mul_scalar(f64::from(objective.embedding_decay))?)?
            .f_add(&intents.f_mul_scalar(f64::from(objective.intent_decay))?)?
            .f_add(&all.f_mul_scalar(f64::from(objective.weight_decay))?)?
            .f_add(&surrogate)?;
        Ok((terms, loss))
    }

    /// The contrastive terms, and a scalar whose gradient is theirs.
    fn contrast(&self, layers: &[Views], batch: &Batch) -> Torch<(f64, Tensor)> {
        let (mut loss, mut surrogate) = (0.0, Tensor::f_zeros([], (Kind::Float, self.device))?);
        if self.objective.contrast_weight == 0.0 {
            return Ok((loss, surrogate));
        }
        let sides = contrasted(self.graph, batch);
        for views in layers.iter().rev() {
            for nodes in &sides {
                let weight = f64::from(contrast_weight(self.objective, nodes.len(), sides[0].len()));
                let side = self.indices(nodes.iter().copied())?;
                let anchor = unit(&views.z.f_index_select(0, &side)?)?;
                for view in [&views.h, &views.b, &views.t] {
                    let other = unit(&view.f_index_select(0, &side)?)?;
                    let (found, term) = info_nce(&anchor, &other, self.objective.temperature)?;
                    loss += weight * found;
                    surrogate = surrogate.f_add(&term.f_mul_scalar(weight)?)?;
                }
            }
        }
        Ok((loss, surrogate))
    }

    fn indices(&self, nodes: impl Iterator<Item = usize>) -> Torch<Tensor> {
        Tensor::f_from_slice(&nodes.map(|node| node as i64).collect::<Vec<_>>())?.f_to(self.device)
    }
}

impl Edges {
    fn new(graph: &Graph, device: Device) -> Torch<Self> {
        let (mut heads, mut tails, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for node in 0..graph.nodes() {
            for &other in graph.neighbours(node) {
                heads.push(node as i64);
                tails.push(i64::from(other));
                weights.push(graph.inverse_root_degree[node] * graph.inverse_root_degree[other as usize]);
            }
        }
        Ok(Self {
            heads: Tensor::f_from_slice(&heads)?.f_to(device)?,
            tails: Tensor::f_from_slice(&tails)?.f_to(device)?,
            weights: Tensor::f_from_slice(&weights)?.f_unsqueeze(1)?.f_to(device)?,
        })
    }

    /// For each node the sum over its edges of the other end's row of `x`, weighted by `weights` `[edges, 1]`.
    fn propagate(&self, x: &Tensor, weights: &Tensor) -> Torch<Tensor> {
        let rows = x.f_index_select(0, &self.tails)?.f_mul(weights)?;
        x.f_zeros_like()?.f_index_add(0, &self.heads, &rows)
    }

    /// `M_V X`: weighted by `(cos(V_h, V_t) + 1) / 2`, divided by the sum of a node's weights where that is above 0.
    fn propagate_by_view(&self, view: &Tensor, x: &Tensor) -> Torch<Tensor> {
        let units = unit(view)?;
        let cosine = units
            .f_index_select(0, &self.heads)?
            .f_mul(&units.f_index_select(0, &self.tails)?)?
            .f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?;
        let weights = cosine.f_add_scalar(1.0)?.f_mul_scalar(0.5)?;
        let empty = Tensor::f_zeros([x.size()[0], 1], (Kind::Float, x.device()))?;
        let sums = empty.f_index_add(0, &self.heads, &weights)?;
        let is_used = sums.f_gt(0.0)?;
        let divisors = sums.f_where_self(&is_used, &sums.f_ones_like()?)?;
        self.propagate(x, &weights)?.f_div(&divisors)
    }
}

/// The rows divided by their lengths; a row of zeros stays one.
fn unit(rows: &Tensor) -> Torch<Tensor> {
    let squares = rows.f_square()?.f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?;
    // A root has no gradient at 0.
    let lengths = squares.f_where_self(&squares.f_gt(0.0)?, &squares.f_ones_like()?)?.f_sqrt()?;
    rows.f_div(&lengths)
}

/// `N(P, Q)`, and a scalar whose gradient for P and Q is that of `N(P, Q)`.
fn info_nce(p: &Tensor, q: &Tensor, temperature: f64) -> Torch<(f64, Tensor)> {
    let rows = p.size()[0];
    let (mut loss, mut of_p) = (0.0, Vec::new());
    let (fixed_p, fixed_q) = (p.f_detach()?, q.f_detach()?);
    let mut of_q = fixed_q.f_zeros_like()?;
    for first in (0..rows).step_by(ROWS) {
        let block = fixed_p.f_narrow(0, first, (rows - first).min(ROWS as i64))?;
        let scale = 1.0 / (temperature * rows as f64);
        let (block_loss, block_of_p, block_of_q) = block_loss(&block, &fixed_q, first as usize, temperature, scale)?;
        loss += block_loss / rows as f64;
        of_p.push(block_of_p);
        of_q = of_q.f_add(&block_of_q)?;
    }
    let of_p = Tensor::f_cat(&of_p, 0)?;
    let term = p.f_mul(&of_p)?.f_sum(Kind::Float)?.f_add(&q.f_mul(&of_q)?.f_sum(Kind::Float)?)?;
    Ok((loss, term))
}

#[cfg(test)]
#[path = "tensor_tests.rs"]
mod tests;
