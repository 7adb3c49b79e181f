//! The items that stand near those of the user's history in other users' sequences.

use crate::choice::{Settings, Tried, search};
use crate::counts::{Near, SparseRows, SparseScores, near_counts, occurrences};
use crate::ranking::{CUTOFF, Outcome, Report, finite, inputs, outputs, write};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Interactions, Split};
use rayon::prelude::*;
use recommender::{ChoiceSplit, Quality, Validation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Whether the settings below are used as given or chosen on held-out items.
    pub settings: Settings,
    /// How many steps apart two items of a sequence may stand to count as near.
    #[schemars(range(min = 1))]
    pub window: usize,
    /// How many of the latest items of a history are looked at.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// What an item of the history weighs relative to the one after it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub decay: f64,
    /// What an item that came before the history's item counts relative to one that came after it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub before: f64,
    /// The power of the occurrences of the history's item that divides: 0.5 with `item_power` 0.5 is the cosine, 1 with 0 the
    /// conditional probability.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub history_power: f64,
    /// The power of the occurrences of the scored item that divides.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub item_power: f64,
    /// What is added to the divisor, so that few occurrences prove little.
    #[schemars(range(min = 0.0))]
    pub shrinkage: f64,
    /// How many of the most similar items of each item count; 0 for all.
    pub neighbours: usize,
}

impl Default for ItemKnnParameters {
    fn default() -> Self {
        let KnnSettings { window, history, decay, before, history_power, item_power, shrinkage, neighbours } =
            KnnSettings::default();
        Self {
            top_k: 20,
            settings: Settings::Validation,
            window,
            history,
            decay,
            before,
            history_power,
            item_power,
            shrinkage,
            neighbours,
        }
    }
}

/// What the search chooses.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct KnnSettings {
    window: usize,
    history: usize,
    decay: f64,
    before: f64,
    history_power: f64,
    item_power: f64,
    shrinkage: f64,
    neighbours: usize,
}

impl Default for KnnSettings {
    fn default() -> Self {
        Self {
            window: 5,
            history: 20,
            decay: 0.8,
            before: 1.0,
            history_power: 0.5,
            item_power: 0.5,
            shrinkage: 0.0,
            neighbours: 0,
        }
    }
}

/// A setting's other values.
type Variants = fn(&KnnSettings) -> Vec<KnnSettings>;

/// What each setting may be changed to, those with the largest effect first.
const VARIANTS: [Variants; 8] = [
    |now| [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0].map(|decay| KnnSettings { decay, ..now.clone() }).to_vec(),
    |now| [0.0, 0.25, 0.5, 0.75, 1.0].map(|item_power| KnnSettings { item_power, ..now.clone() }).to_vec(),
    |now| [0.0, 0.25, 0.5, 0.75, 1.0].map(|history_power| KnnSettings { history_power, ..now.clone() }).to_vec(),
    |now| [0.0, 0.25, 0.5, 0.75, 1.0].map(|before| KnnSettings { before, ..now.clone() }).to_vec(),
    |now| [0.0, 0.5, 1.0, 2.0, 5.0, 10.0].map(|shrinkage| KnnSettings { shrinkage, ..now.clone() }).to_vec(),
    |now| [1, 2, 3, 5, 8, 12].map(|window| KnnSettings { window, ..now.clone() }).to_vec(),
    |now| [2, 5, 10, 20, 50].map(|history| KnnSettings { history, ..now.clone() }).to_vec(),
    |now| [20, 50, 100, 200, 0].map(|neighbours| KnnSettings { neighbours, ..now.clone() }).to_vec(),
];

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
        parameters.check()?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        recommender::thread_pool(context)?.install(|| run(&parameters, &interactions, context))
    }
}

impl ItemKnnParameters {
    fn check(&self) -> Result<()> {
        let numbers = [self.decay, self.before, self.history_power, self.item_power, self.shrinkage];
        let names = ["decay", "before", "history_power", "item_power", "shrinkage"];
        names.into_iter().zip(numbers).try_for_each(|(name, number)| finite(name, number))
    }

    fn given(&self) -> KnnSettings {
        let &Self { window, history, decay, before, history_power, item_power, shrinkage, neighbours, .. } = self;
        KnnSettings { window, history, decay, before, history_power, item_power, shrinkage, neighbours }
    }
}

fn run(parameters: &ItemKnnParameters, interactions: &Interactions, context: &Context) -> Result<()> {
    let split = ChoiceSplit::of(interactions);
    let held = split.as_ref().and_then(|split| Some((split, split.validation(CUTOFF)?)));
    let (settings, tried) = match (&held, parameters.settings) {
        (Some((split, validation)), Settings::Validation) => choose(parameters, split, validation),
        _ => (parameters.given(), Vec::new()),
    };
    let model =
        Model::of(&Counts::of(&interactions.sequences(&[Split::Train]), interactions, settings.window), &settings);
    let of_split = |(split, _): &(&ChoiceSplit, Validation)| {
        Model::of(&Counts::of(&split.histories(), interactions, settings.window), &settings)
    };
    let held_out = held.as_ref().map(of_split);
    let report = Report::of(split.as_ref(), settings, tried);
    let score = |model: &Model, history: &[u32], scores: &mut [f32]| model.score(history, scores);
    write(
        &Outcome { interactions, split: split.as_ref(), model: &model, held_out: held_out.as_ref(), report },
        parameters.top_k,
        context,
        score,
    )
}

/// The settings that find the held-out items best, and what was tried.
fn choose(
    parameters: &ItemKnnParameters,
    split: &ChoiceSplit,
    validation: &Validation,
) -> (KnnSettings, Vec<Tried<KnnSettings>>) {
    let histories = split.histories();
    let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
    search(parameters.given(), &VARIANTS, |settings| {
        let counts = counts
            .entry(settings.window)
            .or_insert_with(|| Counts::of(&histories, &split.interactions, settings.window));
        Model::of(counts, settings).measure(&histories, validation)
    })
}

/// What similarities are computed from.
#[derive(Debug)]
struct Counts {
    near: SparseRows<Near>,
    occurrences: Vec<f32>,
}

impl Counts {
    fn of(sequences: &[Vec<u32>], interactions: &Interactions, window: usize) -> Self {
        let items = interactions.dataset.items;
        Self { near: near_counts(sequences, items, window), occurrences: occurrences(sequences, items) }
    }
}

/// Per item the items near it with their similarity, and how a history is read.
#[derive(Debug)]
struct Model {
    similar: SparseRows<f32>,
    history: usize,
    decay: f32,
}

impl Model {
    fn of(counts: &Counts, settings: &KnnSettings) -> Self {
        let power =
            |power: f64| counts.occurrences.iter().map(|&count| f64::from(count).powf(power)).collect::<Vec<_>>();
        let (of_history, of_item) = (power(settings.history_power), power(settings.item_power));
        let row = |(left, row): (usize, &Vec<(u32, Near)>)| {
            let similarity = |&(right, near): &(u32, Near)| {
                let divisor = of_history[left] * of_item[right as usize] + settings.shrinkage;
                (right, ((near.after + settings.before * near.before) / divisor) as f32)
            };
            let mut similar: Vec<(u32, f32)> = row.iter().map(similarity).filter(|similar| similar.1 > 0.0).collect();
            if settings.neighbours > 0 && similar.len() > settings.neighbours {
                similar.select_nth_unstable_by(settings.neighbours - 1, recommender::best_first);
                similar.truncate(settings.neighbours);
                similar.sort_unstable_by_key(|similar| similar.0);
            }
            similar
        };
        let similar = counts.near.par_iter().enumerate().map(row).collect();
        Self { similar, history: settings.history, decay: settings.decay as f32 }
    }

    /// Calls `add` with each item near one of the history and what that adds to its score.
    fn each(&self, history: &[u32], mut add: impl FnMut(u32, f32)) {
        let mut weight = 1.0;
        for &seen in history.iter().rev().take(self.history) {
            for &(item, similarity) in &self.similar[seen as usize] {
                add(item, weight * similarity);
            }
            weight *= self.decay;
        }
    }

    fn score(&self, history: &[u32], scores: &mut [f32]) {
        self.each(history, |item, score| scores[item as usize] += score);
    }

    /// NDCG@10 of the held-out items among those with a score.
    fn measure(&self, histories: &[Vec<u32>], validation: &Validation) -> f64 {
        let of_user = |scores: &mut SparseScores, &user: &u32| {
            self.each(&histories[user as usize], |item, score| scores.add(item, score));
            validation.ndcg(user, &scores.take_best(CUTOFF, validation.seen(user)))
        };
        let new = || SparseScores::new(self.similar.len());
        let ndcgs: Vec<f64> = validation.users().par_iter().map_init(new, of_user).collect();
        Quality::of(&ndcgs).ndcg
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Outputs, interactions, run, three_users};

    fn near(window: usize, change: impl Fn(KnnSettings) -> KnnSettings) -> SparseRows<f32> {
        let given = three_users();
        let counts = Counts::of(&given.sequences(&[Split::Train]), &given, window);
        Model::of(&counts, &change(KnnSettings { window, ..KnnSettings::default() })).similar
    }

    #[test]
    fn similarities_are_those_computed_by_hand() {
        let near_5 = near(5, |same| same);
        // n = [1, 2, 2, 0, 1]; c(0,1) = 1, c(0,2) = 1/2, c(1,2) = 1 + 1.
        let root = 0.5_f32.sqrt();
        assert_eq!(near_5[0], vec![(1, root), (2, root / 2.0)]);
        assert_eq!(near_5[1], vec![(0, root), (2, 1.0)]);
        assert!(near_5[3].is_empty() && near_5[4].is_empty());
        assert_eq!(near(1, |same| same)[0], vec![(1, root)]);
    }

    #[test]
    fn order_powers_shrinkage_and_neighbours_change_similarities_as_their_formula_says() {
        // Only items after: item 2 follows item 1 twice; nothing follows item 2.
        let following = near(5, |same| KnnSettings { before: 0.0, ..same });
        assert_eq!(following[1], vec![(2, 1.0)]);
        assert!(following[2].is_empty());
        // The conditional probability: divided by n of the history's item alone.
        let conditional = near(5, |same| KnnSettings { history_power: 1.0, item_power: 0.0, ..same });
        assert_eq!(conditional[1], vec![(0, 0.5), (2, 1.0)]);
        let shrunk = near(5, |same| KnnSettings { shrinkage: 2.0, ..same });
        assert_eq!(shrunk[1][1], (2, 0.5));
        assert_eq!(near(5, |same| KnnSettings { neighbours: 1, ..same })[1], vec![(2, 1.0)]);
    }

    fn given(top_k: usize) -> ItemKnnParameters {
        ItemKnnParameters { top_k, settings: Settings::Given, ..Default::default() }
    }

    #[test]
    fn knn_sums_decayed_similarities_over_the_history() {
        let rankings = run::<ItemKnn>(&three_users(), given(3)).rankings("rankings");
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
    fn validation_lists_come_from_counts_without_the_held_out_item() {
        let lists = run::<ItemKnn>(&three_users(), given(5)).rankings("validation");
        // User 0: 0 1, of which 2 is held out; user 1: 1, of which 2 is held out. What is left to count is the pair 0, 1.
        assert_eq!(lists.excluded.iter().map(|list| list.user).collect::<Vec<_>>(), vec![0, 1]);
        assert!(lists.excluded[0].items.iter().all(|&(_, score)| score == 0.0));
        assert_eq!(lists.excluded[1].items[0], (0, 0.5_f32.sqrt()));
    }

    /// Users who walk around a ring, so that only what follows tells the next item.
    fn walkers() -> Interactions {
        let split = |place| if place == 5 { Split::Test } else { Split::Train };
        let rows: Vec<(u32, u32, Split)> =
            (0..40).flat_map(|user| (0..6).map(move |place| (user, (user * 7 + place) % 20, split(place)))).collect();
        interactions(40, 20, &rows)
    }

    #[test]
    fn the_choice_is_no_worse_than_the_default() {
        // Without decay what came before the history is as near as what follows it.
        let outputs = run::<ItemKnn>(&walkers(), ItemKnnParameters { decay: 1.0, ..Default::default() });
        let report = outputs.report();
        assert_eq!(report["held_out"], "last-training-item");
        let tried = report["tried"].as_array().unwrap();
        let best = tried.iter().map(|one| one["ndcg"].as_f64().unwrap()).fold(0.0, f64::max);
        assert!(best > tried[0]["ndcg"].as_f64().unwrap(), "{report}");
        assert_eq!(first_hits(&outputs), 40);
    }

    fn first_hits(outputs: &Outputs) -> usize {
        let (lists, targets) = (outputs.rankings("rankings").excluded, walkers().targets());
        lists.iter().filter(|list| Some(list.items[0].0) == targets[list.user as usize]).count()
    }

    #[test]
    fn any_number_of_threads_gives_equal_bytes() {
        let bytes = [1, 3].map(|threads| {
            let outputs = crate::tests::run_with::<ItemKnn>(&walkers(), ItemKnnParameters::default(), threads).unwrap();
            ["rankings/rankings.parquet", "validation/rankings.parquet", "report/report.json"]
                .map(|file| outputs.bytes(file))
        });
        assert!(bytes[0] == bytes[1]);
    }

    #[test]
    fn where_nothing_can_be_held_out_the_given_settings_stay() {
        let alone = interactions(1, 2, &[(0, 0, Split::Train), (0, 1, Split::Test)]);
        let outputs = run::<ItemKnn>(&alone, ItemKnnParameters::default());
        assert_eq!(outputs.report()["settings"]["window"], 5);
        assert!(outputs.report().get("held_out").is_none());
        assert_eq!(outputs.rankings("rankings").excluded[0].items, [(1, 0.0)]);
        assert!(outputs.rankings("validation").excluded.is_empty());
    }

    #[test]
    fn a_catalogue_of_one_item_is_ranked() {
        let one = interactions(1, 1, &[(0, 0, Split::Train), (0, 0, Split::Train), (0, 0, Split::Test)]);
        let rankings = run::<ItemKnn>(&one, ItemKnnParameters::default()).rankings("rankings");
        assert_eq!(rankings.kept[0].items, [(0, 0.0)]);
        assert!(rankings.excluded.is_empty(), "nothing is left to recommend");
    }

    #[test]
    fn a_setting_that_is_not_finite_is_refused() {
        let parameters = ItemKnnParameters { shrinkage: f64::NAN, ..Default::default() };
        let failure = crate::tests::run_with::<ItemKnn>(&three_users(), parameters, 1).unwrap_err();
        assert!(failure.message.contains("shrinkage is NaN"), "{failure}");
    }
}
