//! Scores by the final embeddings: `score = F_u · F_i` over all items.

use crate::matrix::{copy, tensor};
use contract::Result;
use nn::failed;
use recommender::{Parallel, Scorer};

/// How many users are scored at once.
const BLOCK: usize = 128;

/// The final embeddings, `[users, dim]` and `[items, dim]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FinalEmbeddings<'a> {
    /// Length of a row.
    pub dim: usize,
    /// Of the users.
    pub users: &'a [f32],
    /// Of the items.
    pub items: &'a [f32],
}

impl FinalEmbeddings<'_> {
    /// Scores all items for a block of users.
    fn score(self, users: &[u32], scores: &mut [f32]) -> Result<()> {
        let Self { dim, users: all, items } = self;
        let rows: Vec<f32> = users.iter().flat_map(|&user| &all[user as usize * dim..][..dim]).copied().collect();
        let items = tensor(items, dim)?.f_transpose(0, 1).map_err(failed("score the items"))?;
        copy(&tensor(&rows, dim)?.f_matmul(&items).map_err(failed("score the items"))?, scores)
    }
}

impl Scorer for FinalEmbeddings<'_> {
    fn for_each_user<T: Send>(&self, users: &[u32], of: impl Fn(u32, &[f32]) -> T + Sync) -> Result<Vec<T>> {
        let score = |users: &[u32], scores: &mut [f32]| self.score(users, scores);
        Parallel { items: self.items.len() / self.dim, block: BLOCK, score }.for_each_user(users, of)
    }
}
