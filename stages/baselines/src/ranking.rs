//! What the stages of this crate share: their ports, and ranking by a score of the history.

use contract::{Context, InputPort, OutputPort, Result};
use frames::{Interactions, Rankings, kinds};
use recommender::Parallel;

/// The ports of both stages.
pub(crate) fn inputs() -> Vec<InputPort> {
    vec![InputPort::required("interactions", kinds::INTERACTIONS, "Training rows to count and histories to rank for.")]
}

/// The ports of both stages.
pub(crate) fn outputs() -> Vec<OutputPort> {
    vec![OutputPort::new(
        "rankings",
        kinds::RANKINGS,
        "rankings.parquet: the best items of every user with a test item.",
    )]
}

/// The two lists of `entries` items of every user with a test item.
///
/// `score` adds the scores of all items for a history to a vector of zeros.
pub(crate) fn rank_everyone(
    interactions: &Interactions,
    entries: usize,
    context: &Context,
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Result<Rankings> {
    let users = recommender::tested_users(interactions)?;
    let histories = interactions.before_test();
    let items = interactions.dataset.items;
    let score = |users: &[u32], scores: &mut [f32]| {
        for (&user, scores) in users.iter().zip(scores.chunks_exact_mut(items)) {
            score(&histories[user as usize], scores);
        }
        Ok(())
    };
    let scorer = Parallel { items, block: 1, score };
    let rankings =
        recommender::thread_pool(context)?.install(|| recommender::rank(&scorer, &users, &histories, entries))?;
    context.log(format!("ranked {items} items for {} users", users.len()));
    Ok(rankings)
}
