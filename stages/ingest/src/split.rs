//! What is held out of training.

use crate::digest;
use crate::numbering::Numbered;
use crate::{Holdout, Parameters};
use frames::{Dataset, Interactions, Split};

/// The fewest interactions of a user that anything is held out of.
pub(crate) const SHORTEST_HELD_OUT: usize = 3;

/// The table of interactions with its split and the split's digest.
pub(crate) fn split(numbered: &Numbered, parameters: &Parameters) -> Interactions {
    let mut interactions = Interactions {
        dataset: Dataset {
            users: numbered.user_ids.len(),
            items: numbered.item_ids.len(),
            interactions: numbered.rows().count(),
            max_history: parameters.max_history,
            holdout: holdout(numbered, parameters).to_owned(),
            split_digest: String::new(),
        },
        user: Vec::new(),
        item: Vec::new(),
        position: Vec::new(),
        time: Vec::new(),
        split: Vec::new(),
    };
    let mut hasher = blake3::Hasher::new();
    for sequence in &numbered.sequences {
        for (position, row) in sequence.iter().enumerate() {
            let split = row.split.unwrap_or_else(|| split_of(position, sequence.len(), parameters.holdout));
            interactions.user.push(row.user as u32);
            interactions.item.push(row.item as u32);
            interactions.position.push(position as u32);
            interactions.time.push(row.time);
            interactions.split.push(split);
            digest::add(&mut hasher, &numbered.user_ids[row.user]);
            digest::add(&mut hasher, &numbered.item_ids[row.item]);
            digest::add(&mut hasher, split.as_str());
        }
    }
    interactions.dataset.split_digest = hasher.finalize().to_hex().to_string();
    interactions
}

/// The name of how the rows are split: by the published files, or here.
fn holdout(numbered: &Numbered, parameters: &Parameters) -> &'static str {
    if numbered.has_own_split() { "published" } else { parameters.holdout.as_str() }
}

fn split_of(position: usize, length: usize, holdout: Holdout) -> Split {
    let from_end = length - position;
    match (from_end, holdout) {
        _ if length < SHORTEST_HELD_OUT => Split::Train,
        (1, _) => Split::Test,
        (2, Holdout::LastTwo) => Split::Validation,
        _ => Split::Train,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Split::{Test, Train, Validation};

    #[test]
    fn the_last_item_tests_unless_there_are_too_few() {
        let splits = |length, holdout| (0..length).map(|at| split_of(at, length, holdout)).collect::<Vec<_>>();
        assert_eq!(splits(3, Holdout::Last), vec![Train, Train, Test]);
        assert_eq!(splits(4, Holdout::LastTwo), vec![Train, Train, Validation, Test]);
        assert_eq!(splits(2, Holdout::LastTwo), vec![Train, Train]);
    }
}
