//! Ranked lists by the final embeddings: `score = F_u · F_i` over all items.

use crate::matrix::{tensor, values};
use contract::Result;
use frames::{RankedList, Rankings, top_k};
use nn::failed;
use rayon::prelude::*;

const USERS: usize = 128;

/// The final embeddings, `[users, dim]` and `[items, dim]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Embeddings<'a> {
    /// Length of a row.
    pub dim: usize,
    /// Of the users.
    pub users: &'a [f32],
    /// Of the items.
    pub items: &'a [f32],
}

/// The best `k` items of each of `ranked`, once with and once without the items of the user's `history`.
pub(crate) fn rank(embeddings: Embeddings<'_>, ranked: &[u32], history: &[Vec<u32>], k: usize) -> Result<Rankings> {
    let Embeddings { dim, users, items } = embeddings;
    let count = items.len() / dim;
    let blocks: Vec<Vec<[RankedList; 2]>> = ranked
        .par_chunks(USERS)
        .map(|block| {
            let rows: Vec<f32> = block.iter().flat_map(|&user| &users[user as usize * dim..][..dim]).copied().collect();
            let scores = tensor(&rows, dim)?
                .f_matmul(&tensor(items, dim)?.f_transpose(0, 1).map_err(failed("score the items"))?)
                .map_err(failed("score the items"))?;
            let scores = values(&scores)?;
            let lists = block.iter().zip(scores.chunks_exact(count)).map(|(&user, scores)| {
                let mut seen = history[user as usize].clone();
                seen.sort_unstable();
                let kept = top_k(scores, k, |_| false);
                let excluded = top_k(scores, k, |item| seen.binary_search(&item).is_ok());
                [RankedList { user, items: kept }, RankedList { user, items: excluded }]
            });
            Ok(lists.collect())
        })
        .collect::<Result<_>>()?;
    let (kept, excluded) = blocks.into_iter().flatten().map(|[kept, excluded]| (kept, excluded)).unzip();
    Ok(Rankings { kept, excluded })
}
