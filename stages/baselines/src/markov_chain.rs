//! A first-order Markov chain: what follows the latest item, with back-off to what is popular.

use crate::choice::{Settings, Tried, search};
use crate::counts::{SparseRows, occurrences};
use crate::ranking::{CUTOFF, Outcome, Report, finite, inputs, outputs, write};
use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Interactions, Split};
use recommender::{ChoiceSplit, Parallel, Validation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ranks by the probability that an item follows the latest one.
#[derive(Debug)]
pub struct MarkovChain;

/// The parameters of [`MarkovChain`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MarkovChainParameters {
    /// How many items each list has.
    #[schemars(range(min = 1))]
    pub top_k: usize,
    /// Whether `smoothing` is used as given or chosen on held-out items.
    pub settings: Settings,
    /// How many observations of what follows an item popularity counts as; above 0.
    #[schemars(range(min = 0.0))]
    pub smoothing: f64,
}

impl Default for MarkovChainParameters {
    fn default() -> Self {
        Self { top_k: 20, settings: Settings::Validation, smoothing: 1.0 }
    }
}

/// What the search chooses.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Smoothing {
    smoothing: f64,
}

/// Values of `smoothing` that are tried.
const SMOOTHINGS: [f64; 11] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

impl Stage for MarkovChain {
    const NAME: &'static str = "markov-chain";
    const ABOUT: &'static str =
        "Ranks items by how often they follow a user's latest item, with back-off to popularity.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = MarkovChainParameters;

    fn inputs() -> Vec<InputPort> {
        inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        outputs()
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        finite("smoothing", parameters.smoothing)?;
        if parameters.smoothing <= 0.0 {
            let message = format!("smoothing is {}, expected a number above 0", parameters.smoothing);
            return Err(Failure::new(FailureKind::Conflict, message)
                .hint("without smoothing an item that never followed another has the probability 0"));
        }
        let interactions = Interactions::read(context.input("interactions")?)?;
        recommender::thread_pool(context)?.install(|| run(&parameters, &interactions, context))
    }
}

fn run(parameters: &MarkovChainParameters, interactions: &Interactions, context: &Context) -> Result<()> {
    let items = interactions.dataset.items;
    let split = ChoiceSplit::of(interactions);
    let mut held_out = split.as_ref().map(|split| Chain::of(&split.histories(), items, parameters.smoothing));
    let (mut settings, mut tried) = (Smoothing { smoothing: parameters.smoothing }, Vec::new());
    if let (Some(split), Some(chain), Settings::Validation) = (&split, &mut held_out, parameters.settings)
        && let Some(validation) = split.validation(CUTOFF)
    {
        (settings, tried) = choose(settings, chain, split, &validation)?;
        chain.smoothing = settings.smoothing;
    }
    let model = Chain::of(&interactions.sequences(&[Split::Train]), items, settings.smoothing);
    let report = Report::of(split.as_ref(), settings, tried);
    let outcome = Outcome { interactions, split: split.as_ref(), model: &model, held_out: held_out.as_ref(), report };
    write(&outcome, parameters.top_k, context, Chain::score)
}

fn choose(
    given: Smoothing,
    chain: &mut Chain,
    split: &ChoiceSplit,
    validation: &Validation,
) -> Result<(Smoothing, Vec<Tried<Smoothing>>)> {
    let histories = split.histories();
    let mut failed = None;
    let found = search(given, &[|_| SMOOTHINGS.map(|smoothing| Smoothing { smoothing }).to_vec()], |settings| {
        chain.smoothing = settings.smoothing;
        let chain = &*chain;
        let items = chain.popularity.len();
        let score = |users: &[u32], scores: &mut [f32]| {
            for (&user, scores) in users.iter().zip(scores.chunks_exact_mut(items)) {
                chain.score(&histories[user as usize], scores);
            }
            Ok(())
        };
        match validation.measure(&Parallel { items, block: 1, score }) {
            Ok(quality) => quality.ndcg,
            Err(failure) => {
                failed = Some(failure);
                0.0
            }
        }
    });
    failed.map_or(Ok(found), Err)
}

/// Counts of what follows what.
#[derive(Debug)]
struct Chain {
    /// Per item, how often each item came next.
    next: SparseRows<f64>,
    /// `[items]` the probability of each item, whatever came before.
    popularity: Vec<f64>,
    /// `[items]` its logarithm.
    log_popularity: Vec<f64>,
    smoothing: f64,
}

impl Chain {
    fn of(sequences: &[Vec<u32>], items: usize, smoothing: f64) -> Self {
        let mut pairs: Vec<(u32, u32)> =
            sequences.iter().flat_map(|sequence| sequence.windows(2).map(|pair| (pair[0], pair[1]))).collect();
        pairs.sort_unstable();
        let mut next = vec![Vec::new(); items];
        for equal in pairs.chunk_by(|one, other| one == other) {
            next[equal[0].0 as usize].push((equal[0].1, equal.len() as f64));
        }
        let counts = occurrences(sequences, items);
        let all: f64 = counts.iter().map(|&count| f64::from(count) + 1.0).sum();
        let popularity: Vec<f64> = counts.iter().map(|&count| (f64::from(count) + 1.0) / all).collect();
        let log_popularity = popularity.iter().map(|probability| probability.ln()).collect();
        Self { next, popularity, log_popularity, smoothing }
    }

    /// The logarithm of the probability that each item comes after a history.
    fn score(&self, history: &[u32], scores: &mut [f32]) {
        let next: &[(u32, f64)] = history.last().map_or(&[], |&last| &self.next[last as usize]);
        let observations: f64 = next.iter().map(|&(_, count)| count).sum();
        let all = observations + self.smoothing;
        let back_off = self.smoothing / all;
        let log_back_off = back_off.ln();
        for (score, log_popularity) in scores.iter_mut().zip(&self.log_popularity) {
            *score = (log_back_off + log_popularity) as f32;
        }
        for &(item, count) in next {
            scores[item as usize] = (count / all + back_off * self.popularity[item as usize]).ln() as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{interactions, run, run_with, three_users};

    #[test]
    fn probabilities_are_those_computed_by_hand_and_sum_to_1() {
        // 1 follows 0 once, 2 follows 1 twice; n + 1 = [2, 3, 3, 1, 2] of 11.
        let chain = Chain::of(&three_users().sequences(&[Split::Train]), 5, 2.0);
        let of = |history: &[u32]| {
            let mut scores = vec![0.0; 5];
            chain.score(history, &mut scores);
            scores.iter().map(|score| f64::from(*score).exp()).collect::<Vec<_>>()
        };
        let close = |found: &[f64], expected: [f64; 5]| {
            assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
            assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        };
        close(&of(&[0, 1]), [1.0, 1.5, 5.5 + 1.5, 0.5, 1.0].map(|x| x / 11.0));
        // Nothing follows item 2, and without a history nothing is known: popularity.
        close(&of(&[1, 2]), [2.0, 3.0, 3.0, 1.0, 2.0].map(|x| x / 11.0));
        close(&of(&[]), [2.0, 3.0, 3.0, 1.0, 2.0].map(|x| x / 11.0));
    }

    /// 0 is followed by 1 for all, and 2 is what is popular.
    fn followers() -> Interactions {
        let of_user = |user: u32| {
            let split = if user < 3 { Split::Test } else { Split::Train };
            [(user, 2, Split::Train), (user, 0, Split::Train), (user, 1, split), (user, 2, Split::Train)]
                .into_iter()
                .take(if user < 3 { 3 } else { 4 })
        };
        interactions(12, 4, &(0..12).flat_map(of_user).collect::<Vec<_>>())
    }

    #[test]
    fn what_follows_the_latest_item_comes_first() {
        let outputs = run::<MarkovChain>(&followers(), MarkovChainParameters::default());
        let rankings = outputs.rankings("rankings");
        assert_eq!(rankings.excluded.len(), 3);
        assert!(rankings.excluded.iter().all(|list| list.items[0].0 == 1 && list.items.len() == 2));
        assert_eq!(outputs.report()["tried"].as_array().unwrap().len(), SMOOTHINGS.len());
        let validation = outputs.rankings("validation");
        assert_eq!(validation.excluded.iter().map(|list| list.user).max(), Some(11));
    }

    #[test]
    fn users_without_history_get_popular_items() {
        let rows = [(0, 1, Split::Test), (1, 1, Split::Train), (1, 1, Split::Train), (1, 0, Split::Test)];
        let given = interactions(2, 2, &rows);
        let rankings = run::<MarkovChain>(&given, MarkovChainParameters::default()).rankings("rankings");
        assert_eq!(rankings.kept[0].items.iter().map(|item| item.0).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(rankings.excluded[1].items.iter().map(|item| item.0).collect::<Vec<_>>(), [0]);
        let one = interactions(1, 1, &[(0, 0, Split::Test)]);
        let rankings = run::<MarkovChain>(&one, MarkovChainParameters::default()).rankings("rankings");
        assert_eq!(rankings.excluded[0].items, [(0, 0.0)]);
    }

    #[test]
    fn smoothing_has_to_be_above_0() {
        let parameters = MarkovChainParameters { smoothing: 0.0, ..Default::default() };
        let failure = run_with::<MarkovChain>(&three_users(), parameters, 1).unwrap_err();
        assert_eq!(failure.message, "smoothing is 0, expected a number above 0");
    }
}
