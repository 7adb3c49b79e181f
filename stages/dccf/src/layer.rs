//! One layer: the four views of the embeddings, and the gradient through them.

use crate::graph::Graph;
use crate::intent;
use crate::propagation::{Adaptive, Targets, add_propagated};
use crate::vectors::add;
use crate::weights::Weights;
use contract::Result;
use tch::Tensor;

/// A layer's input and its views, each `[nodes, dim]`.
#[derive(Debug)]
pub(crate) struct Layer {
    x: Vec<f32>,
    /// The graph view `Z = G X`.
    pub z: Vec<f32>,
    /// The intent view `H = softmax(X C) Cᵀ`.
    pub h: Vec<f32>,
    /// The adaptive view `B = M_Z X`, with the directions of Z.
    pub b: Adaptive,
    /// The adaptive view `T = M_H X`, with the directions of H.
    pub t: Adaptive,
    mixtures: [Vec<Tensor>; 2],
}

/// The gradients of a layer's views.
#[derive(Debug)]
pub(crate) struct ViewGradients {
    /// Of Z.
    pub z: Vec<f32>,
    /// Of H.
    pub h: Vec<f32>,
    /// Of B.
    pub b: Vec<f32>,
    /// Of T.
    pub t: Vec<f32>,
}

impl ViewGradients {
    /// Each view with the gradient of the layer's output, to which every view is added.
    pub(crate) fn of_output(output: &[f32]) -> Self {
        Self { z: output.to_vec(), h: output.to_vec(), b: output.to_vec(), t: output.to_vec() }
    }
}

impl Layer {
    /// The views of `x`.
    pub(crate) fn forward(graph: &Graph, weights: &Weights, x: Vec<f32>, dim: usize) -> Result<Self> {
        let mut z = vec![0.0; x.len()];
        add_propagated(graph, &x, dim, &mut z);
        let mut h = vec![0.0; x.len()];
        let (user_x, item_x) = x.split_at(graph.users * dim);
        let (user_h, item_h) = h.split_at_mut(graph.users * dim);
        let mixtures = [
            intent::forward(user_x, &weights.user_intents, dim, user_h)?,
            intent::forward(item_x, &weights.item_intents, dim, item_h)?,
        ];
        let b = Adaptive::forward(graph, &z, &x, dim);
        let t = Adaptive::forward(graph, &h, &x, dim);
        Ok(Self { x, z, h, b, t, mixtures })
    }

    /// The layer's output `Z + H + B + T + X`.
    pub(crate) fn output(&self) -> Vec<f32> {
        let mut sum = self.x.clone();
        for view in [&self.z, &self.h, &self.b.output, &self.t.output] {
            add(&mut sum, view);
        }
        sum
    }

    /// Turns `gradient`, that of the output, into that of the input, and adds to the gradient of the intents.
    /// `views` holds the gradients of the views, that of the output among them.
    pub(crate) fn backward(
        self,
        graph: &Graph,
        weights: &Weights,
        dim: usize,
        views: ViewGradients,
        gradient: &mut [f32],
        of_weights: &mut Weights,
    ) -> Result<()> {
        let ViewGradients { z: mut of_z, h: mut of_h, b: of_b, t: of_t } = views;
        self.b.backward(graph, &self.x, &of_b, Targets { dim, x: gradient, view: &mut of_z });
        self.t.backward(graph, &self.x, &of_t, Targets { dim, x: gradient, view: &mut of_h });
        add_propagated(graph, &of_z, dim, gradient);

        let border = graph.users * dim;
        let [user_mixtures, item_mixtures] = self.mixtures;
        let (user_x, item_x) = self.x.split_at(border);
        let (user_of_h, item_of_h) = of_h.split_at(border);
        let (user_gradient, item_gradient) = gradient.split_at_mut(border);
        let of_users = intent::backward(user_x, &weights.user_intents, dim, user_mixtures, user_of_h, user_gradient)?;
        let of_items = intent::backward(item_x, &weights.item_intents, dim, item_mixtures, item_of_h, item_gradient)?;
        of_weights.add_intents(&of_users, &of_items);
        Ok(())
    }
}
