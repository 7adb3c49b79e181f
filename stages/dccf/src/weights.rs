//! What is trained: the embeddings of the nodes and the intents of users and items.

use crate::parameters::Initialisation;
use crate::vectors::add;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use recommender::normal;

/// The trained matrices, or their gradients, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    /// Layer-0 embeddings `[users + items, dim]`.
    pub nodes: Vec<f32>,
    /// Intents of users `[dim, intents]`.
    pub user_intents: Vec<f32>,
    /// Intents of items `[dim, intents]`.
    pub item_intents: Vec<f32>,
}

/// The sizes of the trained matrices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shapes {
    /// Number of users.
    pub users: usize,
    /// Number of items.
    pub items: usize,
    /// Length of an embedding.
    pub dim: usize,
    /// Number of intents of users, and of items.
    pub intents: usize,
}

impl Weights {
    /// Random matrices of these shapes.
    pub(crate) fn random(shapes: Shapes, initialisation: Initialisation, rng: &mut ChaCha8Rng) -> Self {
        let Shapes { users, items, dim, intents } = shapes;
        let mut matrix = |rows, columns| match initialisation {
            Initialisation::XavierNormal => xavier_normal(rows, columns, rng),
            Initialisation::XavierUniform => xavier_uniform(rows, columns, rng),
        };
        let mut nodes = matrix(users, dim);
        nodes.extend(matrix(items, dim));
        Self { nodes, user_intents: matrix(dim, intents), item_intents: matrix(dim, intents) }
    }

    /// Zeros of the same shapes.
    pub(crate) fn zeros_like(&self) -> Self {
        Self {
            nodes: vec![0.0; self.nodes.len()],
            user_intents: vec![0.0; self.user_intents.len()],
            item_intents: vec![0.0; self.item_intents.len()],
        }
    }

    /// Adds to the intents' matrices.
    pub(crate) fn add_intents(&mut self, users: &[f32], items: &[f32]) {
        add(&mut self.user_intents, users);
        add(&mut self.item_intents, items);
    }

    /// The matrices in a fixed order, beside those of `other`.
    pub(crate) fn zip<'a>(&'a mut self, other: &'a Self) -> [(&'a mut Vec<f32>, &'a Vec<f32>); 3] {
        [
            (&mut self.nodes, &other.nodes),
            (&mut self.user_intents, &other.user_intents),
            (&mut self.item_intents, &other.item_intents),
        ]
    }
}

/// A matrix `[a, b]` of numbers even between `±√(6 / (a + b))`.
fn xavier_uniform(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let bound = (6.0 / (rows + columns) as f64).sqrt();
    (0..rows * columns).map(|_| (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32).collect()
}

/// A matrix `[a, b]` of normal numbers with the standard deviation `√(2 / (a + b))`.
fn xavier_normal(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let std = (2.0 / (rows + columns) as f64).sqrt();
    (0..rows * columns).map(|_| (std * normal(rng)) as f32).collect()
}
