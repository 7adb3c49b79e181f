//! How well embeddings find the validation items, to choose when to stop; test items are never looked at.
//!
//! `NDCG@k` over all items but the user's training items, with v_u the user's validation items: the mean over users who
//! have any of `Σ_(hits of rank r ≤ k) 1/log2(r + 1) / Σ_(r ≤ min(k, |v_u|)) 1/log2(r + 1)`.

use crate::ranking::{Embeddings, for_each_user};
use contract::Result;
use frames::{Interactions, Split, top_k};

/// The validation items.
#[derive(Debug)]
pub(crate) struct Validation {
    /// The users that have any.
    users: Vec<u32>,
    /// `[users]` their validation items.
    held_out: Vec<Vec<u32>>,
    /// `[users]` their training items, ascending.
    seen: Vec<Vec<u32>>,
    k: usize,
}

impl Validation {
    /// The validation items of the interactions, if there are any, for lists of `k`.
    pub(crate) fn of(interactions: &Interactions, k: usize) -> Option<Self> {
        let held_out = interactions.sequences(&[Split::Validation]);
        let mut seen = interactions.sequences(&[Split::Train]);
        seen.iter_mut().for_each(|items| items.sort_unstable());
        let users: Vec<u32> =
            (0..).zip(&held_out).filter(|(_, items)| !items.is_empty()).map(|(user, _)| user).collect();
        (!users.is_empty()).then_some(Self { users, held_out, seen, k })
    }

    /// `NDCG@k` of the embeddings.
    pub(crate) fn ndcg(&self, embeddings: Embeddings<'_>) -> Result<f64> {
        let gains = for_each_user(embeddings, &self.users, |user, scores| {
            let (wanted, seen) = (&self.held_out[user as usize], &self.seen[user as usize]);
            let list = top_k(scores, self.k, |item| seen.binary_search(&item).is_ok());
            let hits = (1..).zip(&list).filter(|(_, (item, _))| wanted.contains(item));
            let gain: f64 = hits.map(|(rank, _)| discount(rank)).sum();
            gain / (1..=self.k.min(wanted.len())).map(discount).sum::<f64>()
        })?;
        Ok(gains.iter().sum::<f64>() / gains.len() as f64)
    }
}

fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::Dataset;

    #[test]
    fn ndcg_is_that_computed_by_hand_and_training_items_are_left_out() {
        let (holdout, split_digest) = ("published".to_owned(), String::new());
        let dataset = Dataset { users: 2, items: 4, interactions: 5, max_history: 20, holdout, split_digest };
        let interactions = Interactions {
            dataset,
            user: vec![0, 0, 0, 1, 1],
            item: vec![0, 2, 3, 1, 0],
            position: vec![0, 1, 2, 0, 1],
            time: vec![0; 5],
            split: vec![Split::Train, Split::Validation, Split::Validation, Split::Train, Split::Test],
        };
        let validation = Validation::of(&interactions, 2).unwrap();
        // User 0 scores items 0, 1, 2, 3 by 4, 3, 2, 1: without item 0 the list is 1, 2, and 2 is a hit of rank 2.
        let embeddings = Embeddings { dim: 1, users: &[1.0, 1.0], items: &[4.0, 3.0, 2.0, 1.0] };
        let expected = discount(2) / (discount(1) + discount(2));
        assert!((validation.ndcg(embeddings).unwrap() - expected).abs() < 1e-12);
        let mut without = interactions;
        without.split = vec![Split::Train; 5];
        assert!(Validation::of(&without, 2).is_none());
    }
}
