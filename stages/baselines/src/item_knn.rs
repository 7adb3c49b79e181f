//! The items that stand near those of the user's history in other users' sequences.

use crate::popularity::training_counts;
use crate::ranking::{inputs, outputs, rank_everyone};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use cooccurrence::{SparseRows, windowed_counts};
use frames::{Interactions, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ranks by nearness to the latest items of the history.
#[derive(Debug)]
pub struct ItemKnn;

/// The parameters of [`ItemKnn`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ItemKnnParameters {
    /// How many items each list has.
    #[schemars(range(min = 1))]
    pub top_k: usize,
    /// How many steps apart two items of a sequence may stand to count as near.
    #[schemars(range(min = 1))]
    pub window: usize,
    /// How many of the latest items of a history are looked at.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// What an item of the history weighs relative to the one after it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub decay: f64,
}

impl Default for ItemKnnParameters {
    fn default() -> Self {
        Self { top_k: 20, window: 5, history: 20, decay: 0.8 }
    }
}

impl Stage for ItemKnn {
    const NAME: &'static str = "item-knn";
    const ABOUT: &'static str = "Ranks items by how near they stand, in training sequences, to a user's latest items.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = ItemKnnParameters;

    fn inputs() -> Vec<InputPort> {
        inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        outputs()
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let interactions = Interactions::read(context.input("interactions")?)?;
        let neighbours = neighbours(&interactions, parameters.window);
        let score = |history: &[u32], scores: &mut [f32]| {
            let mut weight = 1.0;
            for &seen in history.iter().rev().take(parameters.history) {
                for &(item, similarity) in &neighbours[seen as usize] {
                    scores[item as usize] += weight * similarity;
                }
                weight *= parameters.decay as f32;
            }
        };
        rank_everyone(&interactions, parameters.top_k, context, score)?.write(context.output("rankings"))
    }
}

/// Per item the items near it with their similarity `c_ij / sqrt(n_i n_j)`, by item.
fn neighbours(interactions: &Interactions, window: usize) -> SparseRows<f32> {
    let counts = training_counts(interactions);
    let together = windowed_counts(&interactions.sequences(&[Split::Train]), counts.len(), window);
    let similarity = |left: usize, &(right, together): &(u32, f64)| {
        let expected = (f64::from(counts[left]) * f64::from(counts[right as usize])).sqrt();
        (right, (together / expected) as f32)
    };
    let row = |(left, row): (usize, &Vec<(u32, f64)>)| row.iter().map(|near| similarity(left, near)).collect();
    together.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::{Dataset, Rankings};
    use std::collections::BTreeMap;
    use std::path::Path;

    /// User 0: 0 1 2 | 3. User 1: 1 2 | 0. User 2: 4, too short to be tested.
    fn three_users() -> Interactions {
        use Split::{Test, Train};
        let dataset = Dataset {
            users: 3,
            items: 5,
            interactions: 8,
            max_history: 20,
            holdout: "last".into(),
            split_digest: "0".into(),
        };
        Interactions {
            dataset,
            user: vec![0, 0, 0, 0, 1, 1, 1, 2],
            item: vec![0, 1, 2, 3, 1, 2, 0, 4],
            position: vec![0, 1, 2, 3, 0, 1, 2, 0],
            time: vec![0; 8],
            split: vec![Train, Train, Train, Test, Train, Train, Test, Train],
        }
    }

    fn run<S: Stage>(interactions: &Path, parameters: S::Parameters) -> Rankings {
        let output = tempfile::tempdir().unwrap();
        let spec = contract::Spec {
            uses: S::NAME.into(),
            parameters: serde_json::Map::new(),
            inputs: BTreeMap::from([("interactions".into(), BTreeMap::from([(String::new(), interactions.into())]))]),
            outputs: BTreeMap::from([("rankings".into(), output.path().into())]),
            seed: 0,
            threads: 2,
            device: "cpu".into(),
            checkpoint: None,
        };
        S::run(parameters, &Context::new(spec)).unwrap();
        Rankings::read(output.path()).unwrap()
    }

    #[test]
    fn similarities_are_those_computed_by_hand() {
        let near = neighbours(&three_users(), 5);
        // n = [1, 2, 2, 0, 1]; c(0,1) = 1, c(0,2) = 1/2, c(1,2) = 1 + 1.
        let root = 0.5_f32.sqrt();
        assert_eq!(near[0], vec![(1, root), (2, root / 2.0)]);
        assert_eq!(near[1], vec![(0, root), (2, 1.0)]);
        assert!(near[3].is_empty() && near[4].is_empty());
        assert_eq!(neighbours(&three_users(), 1)[0], vec![(1, root)]);
    }

    #[test]
    fn knn_sums_decayed_similarities_over_the_history() {
        let folder = tempfile::tempdir().unwrap();
        three_users().write(folder.path()).unwrap();
        let rankings = run::<ItemKnn>(folder.path(), ItemKnnParameters { top_k: 3, ..Default::default() });
        assert_eq!(rankings.kept.iter().map(|list| list.user).collect::<Vec<_>>(), vec![0, 1]);
        // History 1, 2: item 1 gets sim(2,1) = 1, item 2 gets 0.8 sim(1,2), item 0 gets sim(2,0) + 0.8 sim(1,0).
        let root = 0.5_f32.sqrt();
        let scores: Vec<f32> = rankings.kept[1].items.iter().map(|&(_, score)| score).collect();
        assert_eq!(rankings.kept[1].items[0], (1, 1.0));
        assert!((scores[1] - (root / 2.0 + 0.8 * root)).abs() < 1e-6 && (scores[2] - 0.8).abs() < 1e-6);
        assert_eq!(rankings.excluded[1].items[0].0, 0);
        assert!(rankings.excluded[1].items.iter().all(|&(item, _)| item != 1 && item != 2));
    }

    #[test]
    fn popularity_counts_training_rows() {
        let folder = tempfile::tempdir().unwrap();
        three_users().write(folder.path()).unwrap();
        let rankings = run::<crate::Popularity>(folder.path(), crate::PopularityParameters { top_k: 5 });
        let counts: BTreeMap<u32, f32> = rankings.kept[0].items.iter().copied().collect();
        assert_eq!(counts, BTreeMap::from([(0, 1.0), (1, 2.0), (2, 2.0), (3, 0.0), (4, 1.0)]));
        assert_eq!(rankings.excluded[0].items, vec![(4, 1.0), (3, 0.0)]);
    }
}
