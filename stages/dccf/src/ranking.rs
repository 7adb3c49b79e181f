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
    let lists = for_each_user(embeddings, ranked, |user, scores| {
        let mut seen = history[user as usize].clone();
        seen.sort_unstable();
        let kept = top_k(scores, k, |_| false);
        let excluded = top_k(scores, k, |item| seen.binary_search(&item).is_ok());
        (RankedList { user, items: kept }, RankedList { user, items: excluded })
    })?;
    let (kept, excluded) = lists.into_iter().unzip();
    Ok(Rankings { kept, excluded })
}

/// What `of` makes of each user's scores of all items, in the order of `users`.
pub(crate) fn for_each_user<T: Send>(
    embeddings: Embeddings<'_>,
    users: &[u32],
    of: impl Fn(u32, &[f32]) -> T + Sync,
) -> Result<Vec<T>> {
    let Embeddings { dim, users: all, items } = embeddings;
    let count = items.len() / dim;
    let blocks: Vec<Vec<T>> = users
        .par_chunks(USERS)
        .map(|block| {
            let rows: Vec<f32> = block.iter().flat_map(|&user| &all[user as usize * dim..][..dim]).copied().collect();
            let scores = tensor(&rows, dim)?
                .f_matmul(&tensor(items, dim)?.f_transpose(0, 1).map_err(failed("score the items"))?)
                .map_err(failed("score the items"))?;
            let scores = values(&scores)?;
            Ok(block.iter().zip(scores.chunks_exact(count)).map(|(&user, scores)| of(user, scores)).collect())
        })
        .collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}
