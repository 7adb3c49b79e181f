//! Settings chosen on held-out items: one after the other, from given ones, until none is better.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a baseline's settings come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Settings {
    /// The NDCG@10 of held-out items chooses them; the given ones are where the search starts. Where `ingest` holds out no
    /// validation item, each user's last training item is held out.
    #[default]
    Validation,
    /// As given.
    Given,
}

/// Settings with how well they find the held-out items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Tried<S> {
    #[serde(flatten)]
    pub(crate) settings: S,
    /// NDCG@10 of the held-out items.
    pub(crate) ndcg: f64,
}

/// How many times each setting is looked at.
const PASSES: usize = 3;

/// The best settings that changing one at a time finds, and all that were tried, in order.
///
/// `variants` gives for each setting what it may be changed to. Of equals the first tried is the best.
pub(crate) fn search<S: Clone + PartialEq>(
    start: S,
    variants: &[fn(&S) -> Vec<S>],
    mut ndcg: impl FnMut(&S) -> f64,
) -> (S, Vec<Tried<S>>) {
    let mut tried = vec![Tried { ndcg: ndcg(&start), settings: start }];
    let mut best = 0;
    for _ in 0..PASSES {
        let before = best;
        for variants in variants {
            for settings in variants(&tried[best].settings) {
                if tried.iter().all(|known| known.settings != settings) {
                    tried.push(Tried { ndcg: ndcg(&settings), settings });
                }
            }
            for place in 0..tried.len() {
                if tried[place].ndcg > tried[best].ndcg {
                    best = place;
                }
            }
        }
        if best == before {
            break;
        }
    }
    (tried[best].settings.clone(), tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Point = (i32, i32);

    #[test]
    fn changing_one_setting_at_a_time_finds_the_best_of_both() {
        let variants: [fn(&Point) -> Vec<Point>; 2] =
            [|now| (0..5).map(|x| (x, now.1)).collect(), |now| (0..5).map(|y| (now.0, y)).collect()];
        // Which y is best shows only once x is right.
        let ndcg = |&(x, y): &Point| if x == 3 { 9.0 - f64::from((y - 1).abs()) } else { f64::from(x) };
        let (best, tried) = search((0, 0), &variants, ndcg);
        assert_eq!(best, (3, 1));
        let pairs: Vec<_> = tried.iter().map(|one| one.settings).collect();
        assert_eq!(pairs[0], (0, 0));
        assert!((0..pairs.len()).all(|place| !pairs[..place].contains(&pairs[place])), "nothing is tried twice");
    }

    #[test]
    fn the_given_settings_stay_where_none_is_better() {
        let variants: [fn(&i32) -> Vec<i32>; 1] = [|_| vec![1, 2, 3]];
        assert_eq!(search(7, &variants, |_| 0.5).0, 7);
    }
}
