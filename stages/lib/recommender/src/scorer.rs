//! Scores of all items for users.

use contract::Result;
use frames::{NotFinite, Rows, check_finite};
use rayon::prelude::*;

/// Something that scores all items for a user.
pub trait Scorer {
    /// What `of` makes of each user's scores `[items]`, in the order of `users`.
    ///
    /// # Errors
    /// When the scores cannot be computed, or one is not finite.
    fn for_each_user<T: Send>(&self, users: &[u32], of: impl Fn(u32, &[f32]) -> T + Sync) -> Result<Vec<T>>;
}

/// Scores blocks of users on several threads at once: for models without state.
///
/// `score` gets a block of users and zeros `[users, items]` to add their scores to. What it computes must not depend on
/// the other users of the block. Blocks have the same users whatever the number of threads.
#[derive(Clone, Copy, Debug)]
pub struct Parallel<F> {
    /// The number of items.
    pub items: usize,
    /// How many users are scored at once.
    pub block: usize,
    /// Scores all items for a block of users.
    pub score: F,
}

/// Scores one block of users after the other: for models that use all threads or a GPU themselves.
///
/// `score` is that of [`Parallel`]; what follows from the scores is made in parallel.
#[derive(Clone, Copy, Debug)]
pub struct InTurn<F> {
    /// The number of items.
    pub items: usize,
    /// How many users are scored at once.
    pub block: usize,
    /// Scores all items for a block of users.
    pub score: F,
}

impl<F: Fn(&[u32], &mut [f32]) -> Result<()> + Sync> Scorer for Parallel<F> {
    fn for_each_user<T: Send>(&self, users: &[u32], of: impl Fn(u32, &[f32]) -> T + Sync) -> Result<Vec<T>> {
        let one_block = |scores: &mut Vec<f32>, block: &[u32]| -> Result<Vec<T>> {
            score_block(&self.score, block, self.items, scores)?;
            Ok(block.iter().zip(scores.chunks_exact(self.items)).map(|(&user, scores)| of(user, scores)).collect())
        };
        let blocks: Vec<Vec<T>> = users.par_chunks(self.block).map_init(Vec::new, one_block).collect::<Result<_>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }
}

impl<F: Fn(&[u32], &mut [f32]) -> Result<()>> Scorer for InTurn<F> {
    fn for_each_user<T: Send>(&self, users: &[u32], of: impl Fn(u32, &[f32]) -> T + Sync) -> Result<Vec<T>> {
        let mut found = Vec::with_capacity(users.len());
        let mut scores = Vec::new();
        for block in users.chunks(self.block) {
            score_block(&self.score, block, self.items, &mut scores)?;
            let of_block = block.par_iter().zip(scores.par_chunks_exact(self.items));
            found.par_extend(of_block.map(|(&user, scores)| of(user, scores)));
        }
        Ok(found)
    }
}

fn score_block(
    score: &impl Fn(&[u32], &mut [f32]) -> Result<()>,
    block: &[u32],
    items: usize,
    scores: &mut Vec<f32>,
) -> Result<()> {
    scores.clear();
    scores.resize(block.len() * items, 0.0);
    score(block, scores)?;
    let rows = Rows { of: "user", numbers: Some(block), ids: None };
    check_finite("the scores of the items", scores, items, rows).map_err(NotFinite::computed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::FailureKind;

    fn score(users: &[u32], scores: &mut [f32]) -> Result<()> {
        for (user, scores) in users.iter().zip(scores.chunks_exact_mut(3)) {
            (0..3).for_each(|item| scores[item] += (*user * 10) as f32 + item as f32);
        }
        Ok(())
    }

    #[test]
    fn both_ways_give_each_user_the_same_scores_in_order() {
        let users: Vec<u32> = (0..50).rev().collect();
        let expected: Vec<(u32, Vec<f32>)> =
            users.iter().map(|&user| (user, (0..3).map(|item| (user * 10 + item) as f32).collect())).collect();
        let keep = |user: u32, scores: &[f32]| (user, scores.to_vec());
        for block in [1, 7, 64] {
            assert_eq!(Parallel { items: 3, block, score }.for_each_user(&users, keep).unwrap(), expected);
            assert_eq!(InTurn { items: 3, block, score }.for_each_user(&users, keep).unwrap(), expected);
        }
    }

    #[test]
    fn a_score_that_is_not_finite_is_refused_with_its_user() {
        let score = |users: &[u32], scores: &mut [f32]| -> Result<()> {
            users
                .iter()
                .zip(scores.chunks_exact_mut(3))
                .for_each(|(user, scores)| scores[1] = 1.0 / (5.0 - *user as f32));
            Ok(())
        };
        let failure = Parallel { items: 3, block: 2, score }.for_each_user(&[7, 5, 1], |_, _| ()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Diverged);
        assert!(failure.message.contains("user 5 (column 1 is inf)"), "{failure}");
    }
}
