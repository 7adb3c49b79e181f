//! Ranking every item for every user with a test item.

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result};
use frames::{Interactions, RankedList, Rankings, top_k};
use rayon::prelude::*;

/// The ports of both stages.
pub(crate) fn inputs() -> Vec<InputPort> {
    vec![InputPort::required("interactions", "interactions", "Training rows to count and histories to rank for.")]
}

/// The ports of both stages.
pub(crate) fn outputs() -> Vec<OutputPort> {
    vec![OutputPort::new("rankings", "rankings", "rankings.parquet: the best items of every user with a test item.")]
}

/// The two lists of `entries` items of every user with a test item.
///
/// `score` adds the scores of all items for a history to a vector of zeros. The result does not depend on the number
/// of threads, as each user is scored by one of them.
pub(crate) fn rank_everyone(
    interactions: &Interactions,
    entries: usize,
    context: &Context,
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Result<Rankings> {
    let users = users_with_target(interactions)?;
    let histories = interactions.before_test();
    let rank = |scores: &mut Vec<f32>, &user: &u32| {
        let history = &histories[user as usize];
        scores.fill(0.0);
        score(history, scores);
        let kept = top_k(scores, entries, |_| false);
        let excluded = top_k(scores, entries, |item| history.contains(&item));
        (RankedList { user, items: kept }, RankedList { user, items: excluded })
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(context.threads())
        .build()
        .map_err(|error| Failure::other("starting threads", error))?;
    let items = interactions.dataset.items;
    let (kept, excluded) = pool.install(|| users.par_iter().map_init(|| vec![0.0; items], rank).unzip());
    context.log(format!("ranked {items} items for {} users", users.len()));
    Ok(Rankings { kept, excluded })
}

fn users_with_target(interactions: &Interactions) -> Result<Vec<u32>> {
    let targets = interactions.targets();
    let users: Vec<u32> =
        (0..).zip(&targets).filter(|(_, target)| target.is_some()).map(|(user, _): (u32, _)| user).collect();
    if users.is_empty() {
        let message = format!("none of the {} users has a test item", targets.len());
        return Err(Failure::new(FailureKind::NothingUsable, message)
            .hint("a user needs 3 interactions to have one held out; check the filters of ingest"));
    }
    Ok(users)
}
