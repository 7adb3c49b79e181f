//! How well a model finds the validation items, to choose when to stop; test items are never looked at.
//!
//! All items but the user's training items are ranked. With v_u the user's validation items, over the users who have any:
//!
//! * `NDCG@k`: the mean of `Σ_(hits of rank r ≤ k) 1/log2(r + 1) / Σ_(r ≤ min(k, |v_u|)) 1/log2(r + 1)`;
//! * `HR@k`: the ratio of users with a hit of rank at most k.

use crate::negatives::UserItems;
use crate::scorer::Scorer;
use crate::top_k::top_k;
use contract::Result;
use frames::{Interactions, RankedList, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What ends the training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stopping {
    /// The NDCG@10 of held-out items. Where `ingest` holds out no validation item, each user's last training item chooses
    /// the number of epochs, and a second training on all training items has as many.
    #[default]
    Validation,
    /// The number of epochs alone.
    Epochs,
}

/// Which items choose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldOut {
    /// Those that `ingest` held out.
    Validation,
    /// Each user's last training item, in a training of its own.
    LastTrainingItem,
}

/// The interactions with the last training item of each user who has two or more held out for validation.
#[must_use]
pub fn hold_out_last_training_item(interactions: &Interactions) -> Interactions {
    let mut held = interactions.clone();
    let training: Vec<usize> = (0..held.user.len()).filter(|&row| interactions.split[row] == Split::Train).collect();
    for rows in training.chunk_by(|&left, &right| interactions.user[left] == interactions.user[right]) {
        if let &[_, .., last] = rows {
            held.split[last] = Split::Validation;
        }
    }
    held
}

/// The validation items.
#[derive(Debug)]
pub struct Validation {
    users: Vec<u32>,
    /// `[users]` their validation items.
    held_out: Vec<Vec<u32>>,
    /// `[users]` their training items.
    seen: Vec<UserItems>,
    k: usize,
}

/// How well a model finds the validation items.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// `NDCG@k`.
    pub ndcg: f64,
    /// `HR@k`.
    pub hr: f64,
}

impl Validation {
    /// The validation items of the interactions, if there are any, for lists of `k`.
    #[must_use]
    pub fn of(interactions: &Interactions, k: usize) -> Option<Self> {
        let items = interactions.dataset.items;
        let held_out = interactions.sequences(&[Split::Validation]);
        let seen =
            interactions.sequences(&[Split::Train]).iter().map(|items_of| UserItems::new(items_of, items)).collect();
        let users: Vec<u32> =
            (0..).zip(&held_out).filter(|(_, items)| !items.is_empty()).map(|(user, _)| user).collect();
        (!users.is_empty()).then_some(Self { users, held_out, seen, k })
    }

    /// The users that have a validation item, ascending.
    #[must_use]
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// Measures a model that scores by what comes before the validation items: training items alone.
    ///
    /// # Errors
    /// When the scores cannot be computed, or one is not finite.
    pub fn measure(&self, scorer: &impl Scorer) -> Result<Quality> {
        let found = scorer.for_each_user(&self.users, |user, scores| {
            let seen = &self.seen[user as usize];
            self.ndcg(user, &top_k(scores, self.k, |item| seen.contains(item)))
        })?;
        Ok(Quality::of(&found))
    }

    /// The user's training items, which no list has.
    #[must_use]
    pub fn seen(&self, user: u32) -> &UserItems {
        &self.seen[user as usize]
    }

    /// The user's validation items.
    #[must_use]
    pub fn held_out(&self, user: u32) -> &[u32] {
        &self.held_out[user as usize]
    }

    /// `NDCG@k` of one user's list, best first and without the user's training items.
    #[must_use]
    pub fn ndcg(&self, user: u32, list: &[(u32, f32)]) -> f64 {
        let wanted = self.held_out(user);
        let hits = (1..).zip(list).take(self.k).filter(|(_, (item, _))| wanted.contains(item));
        self.ndcg_of_ranks(user, hits.map(|(rank, _)| rank))
    }

    /// Measures lists of items that leave out each user's training items, for that many users: one without a list has no hit.
    #[must_use]
    pub fn measure_lists(&self, lists: &[RankedList], users: usize) -> Quality {
        let mut found: Vec<f64> = lists.iter().map(|list| self.ndcg(list.user, &list.items)).collect();
        found.resize(users.max(found.len()).max(1), 0.0);
        Quality::of(&found)
    }

    /// `NDCG@k` of one user whose validation items have these ranks, from 1.
    #[must_use]
    pub fn ndcg_of_ranks(&self, user: u32, ranks: impl Iterator<Item = usize>) -> f64 {
        let gain: f64 = ranks.filter(|&rank| rank <= self.k).map(discount).sum();
        gain / (1..=self.k.min(self.held_out(user).len())).map(discount).sum::<f64>()
    }
}

impl Quality {
    /// The measures of all users together, from each one's `NDCG@k`.
    #[must_use]
    pub fn of(ndcgs: &[f64]) -> Self {
        let hits = ndcgs.iter().filter(|&&ndcg| ndcg > 0.0).count();
        let users = ndcgs.len() as f64;
        Self { ndcg: ndcgs.iter().sum::<f64>() / users, hr: hits as f64 / users }
    }
}

fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::InTurn;
    use frames::Dataset;

    #[test]
    fn quality_equals_a_hand_computation() {
        let (holdout, split_digest) = ("published".to_owned(), String::new());
        let dataset = Dataset { users: 3, items: 4, interactions: 7, max_history: 20, holdout, split_digest };
        let interactions = Interactions {
            dataset,
            user: vec![0, 0, 0, 1, 1, 2, 2],
            item: vec![0, 2, 3, 1, 0, 0, 3],
            position: vec![0, 1, 2, 0, 1, 0, 1],
            time: vec![0; 7],
            split: vec![
                Split::Train,
                Split::Validation,
                Split::Validation,
                Split::Train,
                Split::Test,
                Split::Train,
                Split::Validation,
            ],
        };
        let validation = Validation::of(&interactions, 2).unwrap();
        assert_eq!(validation.users(), [0, 2]);
        // Everyone scores items 0, 1, 2, 3 by 4, 3, 2, 1: without item 0 the list is 1, 2. For user 0 item 2 is a hit of
        // rank 2; user 2 has none.
        let score = |_: &[u32], scores: &mut [f32]| {
            scores.chunks_exact_mut(4).for_each(|scores| scores.copy_from_slice(&[4.0, 3.0, 2.0, 1.0]));
            Ok(())
        };
        let found = validation.measure(&InTurn { items: 4, block: 2, score }).unwrap();
        let expected = discount(2) / (discount(1) + discount(2)) / 2.0;
        assert!((found.ndcg - expected).abs() < 1e-12, "{found:?}");
        assert!((found.hr - 0.5).abs() < 1e-12, "{found:?}");
        let list = |user, items: [u32; 2]| RankedList { user, items: items.map(|item| (item, 1.0)).to_vec() };
        let lists = validation.measure_lists(&[list(0, [1, 2]), list(2, [1, 2])], 2);
        assert!((lists.ndcg - found.ndcg).abs() < 1e-12 && (lists.hr - found.hr).abs() < 1e-12, "{lists:?}");
        let mut without = interactions;
        without.split = vec![Split::Train; 7];
        assert!(Validation::of(&without, 2).is_none());
    }
}
