//! Ranked lists of all items for users.

use crate::scorer::Scorer;
use crate::top_k::top_k;
use contract::{Failure, FailureKind, Result};
use frames::{Interactions, RankedList, Rankings};

/// The users that have a test item, ascending: those that lists are made for.
///
/// # Errors
/// [`FailureKind::NothingUsable`] when no user has one.
pub fn tested_users(interactions: &Interactions) -> Result<Vec<u32>> {
    let targets = interactions.targets();
    let tested = (0..).zip(&targets).filter(|(_, target)| target.is_some());
    let users: Vec<u32> = tested.map(|(user, _)| user).collect();
    if users.is_empty() {
        let message = format!("none of the {} users has a test item", targets.len());
        return Err(Failure::new(FailureKind::NothingUsable, message)
            .hint("a user needs 3 interactions to have one held out; check the filters of ingest"));
    }
    Ok(users)
}

/// The `k` best items of each of `users`, with and without the items of the user's history (`histories[user]`).
///
/// # Errors
/// When the scores cannot be computed, or one is not finite.
pub fn rank(scorer: &impl Scorer, users: &[u32], histories: &[Vec<u32>], k: usize) -> Result<Rankings> {
    rank_among(scorer, users, histories, k, |_| true)
}

/// The same of those items that lists may have.
///
/// # Errors
/// When the scores cannot be computed, or one is not finite.
pub fn rank_among(
    scorer: &impl Scorer,
    users: &[u32],
    histories: &[Vec<u32>],
    k: usize,
    may_be_listed: impl Fn(u32) -> bool + Sync,
) -> Result<Rankings> {
    let lists = scorer.for_each_user(users, |user, scores| {
        let mut seen = histories[user as usize].clone();
        seen.sort_unstable();
        let kept = top_k(scores, k, |item| !may_be_listed(item));
        let excluded = top_k(scores, k, |item| !may_be_listed(item) || seen.binary_search(&item).is_ok());
        (RankedList { user, items: kept }, RankedList { user, items: excluded })
    })?;
    let (kept, excluded) = lists.into_iter().unzip();
    Ok(Rankings { kept, excluded })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::Parallel;

    #[test]
    fn one_list_has_seen_items_and_the_other_does_not() {
        let score = |users: &[u32], scores: &mut [f32]| {
            for scores in scores.chunks_exact_mut(4).take(users.len()) {
                scores.copy_from_slice(&[4.0, 3.0, 2.0, 1.0]);
            }
            Ok(())
        };
        let histories = [vec![], vec![2, 0]];
        let rankings = rank(&Parallel { items: 4, block: 8, score }, &[0, 1], &histories, 2).unwrap();
        let items = |lists: &[RankedList]| -> Vec<Vec<u32>> {
            lists.iter().map(|list| list.items.iter().map(|&(item, _)| item).collect()).collect()
        };
        assert_eq!(items(&rankings.kept), [[0, 1], [0, 1]]);
        assert_eq!(items(&rankings.excluded), [[0, 1], [1, 3]]);
    }
}
