//! The loss of a batch and its gradient.

use crate::contrast::info_nce;
use crate::graph::Graph;
use crate::layer::{Layer, ViewGradients};
use crate::parameters::ContrastMean;
use crate::propagation::Units;
use crate::sampler::Batch;
use crate::vectors::{add, add_scaled, add_through_unit, dot};
use crate::weights::Weights;
use contract::Result;
use serde::Serialize;

/// The sizes and factors of the loss.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Objective {
    /// Length of an embedding.
    pub dim: usize,
    /// Number of layers.
    pub layers: usize,
    /// Factor of the squared norms of the batch's layer-0 rows.
    pub embedding_decay: f32,
    /// Factor of the squared norms of the intents.
    pub intent_decay: f32,
    /// Factor of the squared norms of all that is trained.
    pub weight_decay: f32,
    /// Factor of the contrastive terms.
    pub contrast_weight: f32,
    /// By what the contrastive terms are divided.
    pub contrast_mean: ContrastMean,
    /// Their temperature.
    pub temperature: f64,
}

/// The terms of the loss, factors included.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Terms {
    /// The ranking term: mean of `softplus(F_u·F_j − F_u·F_i)`.
    pub bpr: f64,
    /// The squared norms of the batch's layer-0 embeddings.
    pub embedding_decay: f64,
    /// The squared norms of the intents.
    pub intent_decay: f64,
    /// The squared norms of all that is trained.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight_decay: f64,
    /// The contrastive terms.
    pub contrast: f64,
}

impl Terms {
    /// Their sum.
    pub(crate) fn total(&self) -> f64 {
        self.bpr + self.embedding_decay + self.intent_decay + self.weight_decay + self.contrast
    }

    /// Adds other terms to these, one by one.
    pub(crate) fn add(&mut self, other: &Self, factor: f64) {
        self.bpr += factor * other.bpr;
        self.embedding_decay += factor * other.embedding_decay;
        self.intent_decay += factor * other.intent_decay;
        self.weight_decay += factor * other.weight_decay;
        self.contrast += factor * other.contrast;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(term: &f64) -> bool {
    *term == 0.0
}

impl Objective {
    /// The layers, and the final embeddings `F = Σ_l X_l` `[nodes, dim]`.
    pub(crate) fn forward(&self, graph: &Graph, weights: &Weights) -> Result<(Vec<Layer>, Vec<f32>)> {
        let mut x = weights.nodes.clone();
        let mut sum = x.clone();
        let mut layers = Vec::with_capacity(self.layers);
        for _ in 0..self.layers {
            let layer = Layer::forward(graph, weights, x, self.dim)?;
            x = layer.output();
            add(&mut sum, &x);
            layers.push(layer);
        }
        Ok((layers, sum))
    }

    /// The loss of a batch and the gradient of all weights.
    pub(crate) fn loss_and_gradient(
        &self,
        graph: &Graph,
        weights: &Weights,
        batch: &Batch,
    ) -> Result<(Terms, Weights)> {
        let (layers, sum) = self.forward(graph, weights)?;
        let mut gradient = weights.zeros_like();
        let mut of_sum = vec![0.0; sum.len()];
        let mut terms = Terms { bpr: self.bpr(graph, &sum, batch, &mut of_sum), ..Terms::default() };

        let sides = contrasted(graph, batch);
        let mut of_x = of_sum.clone();
        for layer in layers.into_iter().rev() {
            let mut views = ViewGradients::of_output(&of_x);
            if self.contrast_weight != 0.0 {
                for nodes in &sides {
                    let weight = contrast_weight(self, nodes.len(), sides[0].len());
                    terms.contrast += self.contrast(&layer, nodes, weight, &mut views)?;
                }
            }
            layer.backward(graph, weights, self.dim, views, &mut of_x, &mut gradient)?;
            add(&mut of_x, &of_sum);
        }
        gradient.nodes = of_x;
        terms.embedding_decay = self.decay_embeddings(graph, weights, batch, &mut gradient);
        terms.intent_decay = self.decay_intents(weights, &mut gradient);
        terms.weight_decay = self.decay_weights(weights, &mut gradient);
        Ok((terms, gradient))
    }

    fn bpr(&self, graph: &Graph, sum: &[f32], batch: &Batch, gradient: &mut [f32]) -> f64 {
        let mut loss = 0.0;
        let mean = 1.0 / batch.users.len() as f32;
        let mut difference = vec![0.0; self.dim];
        for_each_triple(graph, batch, |[user, positive, negative]| {
            let row = |node: usize| &sum[node * self.dim..][..self.dim];
            difference.copy_from_slice(row(negative));
            add_scaled(&mut difference, -1.0, row(positive));
            let margin = dot(row(user), &difference);
            loss += f64::from(margin.max(0.0)) + f64::from((-margin.abs()).exp()).ln_1p();
            let slope = mean / (1.0 + (-margin).exp());
            add_scaled(&mut gradient[user * self.dim..][..self.dim], slope, &difference);
            add_scaled(&mut gradient[negative * self.dim..][..self.dim], slope, row(user));
            add_scaled(&mut gradient[positive * self.dim..][..self.dim], -slope, row(user));
        });
        loss * f64::from(mean)
    }

    /// `weight × Σ N(Z, V)` over V in {H, B, T} on the rows `nodes`, added to the gradients of the views.
    fn contrast(&self, layer: &Layer, nodes: &[usize], weight: f32, views: &mut ViewGradients) -> Result<f64> {
        let dim = self.dim;
        let gather = |matrix: &[f32]| -> Vec<f32> {
            nodes.iter().flat_map(|&node| &matrix[node * dim..][..dim]).copied().collect()
        };
        let anchor = Units::of(&gather(&layer.z), dim);
        let mut of_anchor = vec![0.0; anchor.rows.len()];
        let mut loss = 0.0;
        let pairs = [(&layer.h, &mut views.h), (&layer.b.output, &mut views.b), (&layer.t.output, &mut views.t)];
        for (view, gradient) in pairs {
            let other = Units::of(&gather(view), dim);
            let nce = info_nce(&anchor.rows, &other.rows, dim, self.temperature)?;
            loss += nce.loss;
            add(&mut of_anchor, &nce.of_p);
            self.scatter(nodes, (&nce.of_q, weight), &other, gradient);
        }
        self.scatter(nodes, (&of_anchor, weight), &anchor, &mut views.z);
        Ok(f64::from(weight) * loss)
    }

    fn scatter(&self, nodes: &[usize], (of_units, weight): (&[f32], f32), units: &Units, gradient: &mut [f32]) {
        let rows = of_units.chunks_exact(self.dim).zip(units.rows.chunks_exact(self.dim)).zip(&units.norms);
        let mut weighted = vec![0.0; self.dim];
        for (&node, ((of_unit, unit), &norm)) in nodes.iter().zip(rows) {
            weighted.fill(0.0);
            add_scaled(&mut weighted, weight, of_unit);
            add_through_unit(&mut gradient[node * self.dim..][..self.dim], &weighted, unit, norm);
        }
    }

    fn decay_embeddings(&self, graph: &Graph, weights: &Weights, batch: &Batch, gradient: &mut Weights) -> f64 {
        let mut squares = 0.0;
        for_each_triple(graph, batch, |nodes| {
            for node in nodes {
                let row = &weights.nodes[node * self.dim..][..self.dim];
                squares += f64::from(dot(row, row));
                add_scaled(&mut gradient.nodes[node * self.dim..][..self.dim], 2.0 * self.embedding_decay, row);
            }
        });
        f64::from(self.embedding_decay) * squares
    }

    fn decay_intents(&self, weights: &Weights, gradient: &mut Weights) -> f64 {
        let mut squares = 0.0;
        let pairs =
            [(&weights.user_intents, &mut gradient.user_intents), (&weights.item_intents, &mut gradient.item_intents)];
        for (intents, gradient) in pairs {
            squares += intents.iter().map(|value| f64::from(value * value)).sum::<f64>();
            add_scaled(gradient, 2.0 * self.intent_decay, intents);
        }
        f64::from(self.intent_decay) * squares
    }

    fn decay_weights(&self, weights: &Weights, gradient: &mut Weights) -> f64 {
        if self.weight_decay == 0.0 {
            return 0.0;
        }
        let mut squares = 0.0;
        for (gradient, matrix) in gradient.zip(weights) {
            squares += matrix.iter().map(|value| f64::from(value * value)).sum::<f64>();
            add_scaled(gradient, 2.0 * self.weight_decay, matrix);
        }
        f64::from(self.weight_decay) * squares
    }
}

/// The factor of the contrastive terms of a side of `rows` nodes, in a batch of that many unique users.
///
/// Each side is averaged over its own rows; dividing by the users instead weighs the items' side.
pub(crate) fn contrast_weight(objective: &Objective, rows: usize, users: usize) -> f32 {
    match objective.contrast_mean {
        ContrastMean::Side => objective.contrast_weight,
        ContrastMean::Users => objective.contrast_weight * rows as f32 / users as f32,
    }
}

/// The batch's unique users, and its unique positive items, as nodes in ascending order.
pub(crate) fn contrasted(graph: &Graph, batch: &Batch) -> [Vec<usize>; 2] {
    let unique = |numbers: &[u32], offset: usize| {
        let mut nodes: Vec<usize> = numbers.iter().map(|&number| offset + number as usize).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    };
    [unique(&batch.users, 0), unique(&batch.positives, graph.users)]
}

fn for_each_triple(graph: &Graph, batch: &Batch, mut visit: impl FnMut([usize; 3])) {
    for ((&user, &positive), &negative) in batch.users.iter().zip(&batch.positives).zip(&batch.negatives) {
        visit([user as usize, graph.users + positive as usize, graph.users + negative as usize]);
    }
}

#[cfg(test)]
#[path = "loss_tests.rs"]
mod tests;
