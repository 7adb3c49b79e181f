//! What is trained: the embeddings of the nodes and the intents of users and items.

use crate::vectors::add;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

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

impl Weights {
    /// Xavier-normal: each matrix `[a, b]` has the standard deviation `√(2 / (a + b))`.
    pub(crate) fn xavier_normal(users: usize, items: usize, dim: usize, intents: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut nodes = xavier_normal(users, dim, rng);
        nodes.extend(xavier_normal(items, dim, rng));
        Self { nodes, user_intents: xavier_normal(dim, intents, rng), item_intents: xavier_normal(dim, intents, rng) }
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

fn xavier_normal(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let deviation = (2.0 / (rows + columns) as f64).sqrt();
    (0..rows * columns).map(|_| (deviation * normal(rng)) as f32).collect()
}

/// A standard normal number by the Box–Muller transform.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
