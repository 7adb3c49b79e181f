//! What settings are chosen on: items that are held out of training. Test items are never looked at.

use crate::lists::rank;
use crate::scorer::Scorer;
use crate::validation::{HeldOut, Validation, hold_out_last_training_item};
use contract::Result;
use frames::{Interactions, Rankings, Split};

/// Interactions with validation items, to choose settings on.
#[derive(Debug)]
pub struct ChoiceSplit {
    /// Their training rows are what a model may learn from while settings are chosen.
    pub interactions: Interactions,
    /// What their validation rows are.
    pub held_out: HeldOut,
}

impl ChoiceSplit {
    /// The validation items of `ingest`; where it holds out none, each user's last training item of two or more.
    ///
    /// None where no user has such an item.
    #[must_use]
    pub fn of(interactions: &Interactions) -> Option<Self> {
        if interactions.split.contains(&Split::Validation) {
            return Some(Self { interactions: interactions.clone(), held_out: HeldOut::Validation });
        }
        let held = hold_out_last_training_item(interactions);
        let any = held.split.contains(&Split::Validation);
        any.then_some(Self { interactions: held, held_out: HeldOut::LastTrainingItem })
    }

    /// The validation items, for lists of `k`.
    #[must_use]
    pub fn validation(&self, k: usize) -> Option<Validation> {
        Validation::of(&self.interactions, k)
    }

    /// Per user (index = user) the training items: what comes before the validation items.
    #[must_use]
    pub fn histories(&self) -> Vec<Vec<u32>> {
        self.interactions.sequences(&[Split::Train])
    }

    /// The lists of `k` items of every user with a validation item.
    ///
    /// The scorer must rank by the training items alone, and have learned from no others.
    ///
    /// # Errors
    /// When the scores cannot be computed, or one is not finite.
    pub fn rank(&self, scorer: &impl Scorer, k: usize) -> Result<Rankings> {
        let users = self.validation(k).map(|validation| validation.users().to_vec()).unwrap_or_default();
        rank(scorer, &users, &self.histories(), k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scorer::Parallel;
    use frames::Dataset;

    /// User 0: 0 1 2 | 3. User 1: 1, too short to hold out any.
    fn two_users(second: Split) -> Interactions {
        let (holdout, split_digest) = ("last".to_owned(), String::new());
        Interactions {
            dataset: Dataset { users: 2, items: 4, interactions: 5, max_history: 20, holdout, split_digest },
            user: vec![0, 0, 0, 0, 1],
            item: vec![0, 1, 2, 3, 1],
            position: vec![0, 1, 2, 3, 0],
            time: vec![0; 5],
            split: vec![Split::Train, second, Split::Train, Split::Test, Split::Train],
        }
    }

    #[test]
    fn validation_falls_back_to_the_last_training_item() {
        let split = ChoiceSplit::of(&two_users(Split::Train)).unwrap();
        assert_eq!(split.held_out, HeldOut::LastTrainingItem);
        assert_eq!(split.histories(), [vec![0, 1], vec![1]]);
        assert_eq!(split.interactions.sequences(&[Split::Validation]), [vec![2], vec![]]);
        assert_eq!(split.interactions.targets(), [Some(3), None]);
        let given = ChoiceSplit::of(&two_users(Split::Validation)).unwrap();
        assert_eq!((given.held_out, &given.interactions), (HeldOut::Validation, &two_users(Split::Validation)));
        let mut short = two_users(Split::Train);
        short.split[..3].fill(Split::Test);
        assert!(ChoiceSplit::of(&short).is_none());
    }

    #[test]
    fn lists_are_made_for_users_with_a_held_out_item() {
        let split = ChoiceSplit::of(&two_users(Split::Train)).unwrap();
        let score = |_: &[u32], scores: &mut [f32]| {
            scores.chunks_exact_mut(4).for_each(|scores| scores.copy_from_slice(&[4.0, 3.0, 2.0, 1.0]));
            Ok(())
        };
        let lists = split.rank(&Parallel { items: 4, block: 2, score }, 2).unwrap();
        assert_eq!(lists.excluded.iter().map(|list| list.user).collect::<Vec<_>>(), [0]);
        assert_eq!(lists.excluded[0].items, [(2, 2.0), (3, 1.0)]);
        assert_eq!(lists.kept[0].items, [(0, 4.0), (1, 3.0)]);
    }
}
