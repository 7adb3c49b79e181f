//! How well ranked lists find the held-out item, over all items.
//!
//! With `r_u` the rank from 1 of user `u`'s test item in the list, and `U` all users that have a test item:
//!
//! * `HR@k = |{u : r_u <= k}| / |U|`
//! * `NDCG@k = Σ_{u : r_u <= k} 1 / log2(r_u + 1) / |U|` (there is one relevant item, so the ideal gain is 1)
//! * `MRR = Σ_u 1 / r_u / |U|`, where an item that is not in the list adds nothing
//! * `coverage@k`: the ratio of all items that stand among anybody's first k
//!
//! Where a user may have several test items, with the ranks `r_u1 .. r_um`, there is `recall@k` as well:
//!
//! * `HR@k` counts users with any rank of at most k, and `MRR` takes the best rank
//! * `recall@k = Σ_u |{j : r_uj <= k}| / m_u / |U|`
//! * `NDCG@k = Σ_u (Σ_{j : r_uj <= k} 1 / log2(r_uj + 1) / Σ_{r <= min(k, m_u)} 1 / log2(r + 1)) / |U|`
//!
//! A user without a list is a miss: it stays in the denominator. The rank is the place in the list: items of equal score
//! are in the order in which the list has them. Hits are of the item itself; for the labels named in `code_level` they
//! are counted on semantic codes as well: the list's distinct codes in order, the ranks of the test items' distinct codes
//! among them, and as coverage the ratio of all codes in use.
//!
//! 95 % intervals come from a bootstrap over users, for which only ranks matter. Each starts from the stage's seed, so
//! it does not depend on what else is measured. [`compare`](mod@compare) tells two lists of ranks apart.

mod binomial;
mod bootstrap;
pub mod compare;
mod measure;
mod parameters;
mod tables;
#[cfg(test)]
mod tests;
mod truth;

pub use parameters::Parameters;

use contract::{Agreement, Context, Failure, FailureKind, InputPort, OutputPort, Relation, Result, Stage, Threads};
use frames::{Codes, Hits, Interactions, Measured, Rankings, Ranks, Seen, UserRank, kinds, write_json};
use measure::Measure;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tables::{Interval, Row, Scores};
use truth::Truth;

/// The labels of the models that every other is read beside.
const BASELINES: [&str; 2] = ["popularity", "item-knn"];

/// Measures rankings.
#[derive(Debug)]
pub struct Metrics;

impl Stage for Metrics {
    const NAME: &'static str = "metrics";
    const ABOUT: &'static str =
        "Measures rankings over all items, with seen items kept and excluded: HR, recall, NDCG, MRR and coverage.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::One;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("interactions", kinds::INTERACTIONS, "Holds the test items."),
            InputPort::optional("codes", kinds::CODES, "Codes of the items, for hits on codes."),
            InputPort::required("rankings", kinds::RANKINGS, "The lists to measure; the label names the model.").many(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new(
                "metrics",
                kinds::METRICS,
                "metrics.json: a row per model, seen and kind of hit; intervals.json: 95 % intervals; by_length.json: \
                 by length of the history; by_item.json: by frequency of the test item.",
            ),
            OutputPort::new(
                "ranks",
                kinds::RANKS,
                "ranks.parquet: each test item's rank, empty where it is not found.",
            ),
        ]
    }

    fn agreements() -> Vec<Agreement> {
        let because = "ranks beyond the end of a list are unknown, so the metric would be too low";
        vec![Agreement::new("cutoffs", Relation::AtMost, &["rankings"], "top_k", because)]
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let parameters = parameters.checked()?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let codes = context.optional_input("codes").map(Codes::read).transpose()?;
        let truth = Truth::new(&interactions, codes.as_ref())?;
        let inputs = context.labelled_inputs("rankings");
        warn_of_missing_baselines(&inputs, context);
        let mut tables = Tables::new(&parameters, truth.several(), context.seed());
        for (label, folder) in inputs {
            let (rankings, notes) = Rankings::read_noted(&folder)?;
            notes.iter().for_each(|note| context.log(format!("{label}: {note}")));
            truth.check(&label, &rankings)?;
            truth.check_length(&label, &rankings, parameters.largest_cutoff())?;
            let on_codes = codes.is_some() && parameters.code_level.contains(&label);
            tables.measure(&label, &rankings, &truth, on_codes, context);
        }
        tables.write(context)
    }
}

/// All tables under construction.
struct Tables<'a> {
    parameters: &'a Parameters,
    measures: Vec<Measure>,
    seed: u64,
    rows: Vec<Row>,
    intervals: Vec<Interval>,
    by_length: Vec<Row>,
    by_item: Vec<Row>,
    ranks: Ranks,
}

impl<'a> Tables<'a> {
    fn new(parameters: &'a Parameters, several: bool, seed: u64) -> Self {
        let measures = Measure::all(&parameters.cutoffs, several);
        let (rows, intervals, by_length, by_item, ranks) = Default::default();
        Self { parameters, measures, seed, rows, intervals, by_length, by_item, ranks }
    }

    /// Adds one model.
    fn measure(&mut self, label: &str, rankings: &Rankings, truth: &Truth, on_codes: bool, context: &Context) {
        for seen in [Seen::Kept, Seen::Excluded] {
            let lists = rankings.lists(seen);
            if lists.is_empty() {
                context.log(format!("{label}: no lists with seen items {}, so no row for them", seen.as_str()));
                continue;
            }
            let without = truth.users_without_list(lists);
            if without > 0 {
                let users = truth.users();
                context
                    .log(format!("{label}, seen {}: {without} of {users} users have no list: misses", seen.as_str()));
            }
            for hits in [Hits::Item, Hits::Code].into_iter().filter(|&hits| hits == Hits::Item || on_codes) {
                let measured = Measured { model: label.to_owned(), seen, hits };
                let coverage = truth.coverage(lists, hits, &self.parameters.cutoffs);
                self.add(measured, truth.ranks(lists, hits), &coverage, truth);
            }
        }
    }

    fn add(&mut self, measured: Measured, users: Vec<UserRank>, coverage: &[f64], truth: &Truth) {
        let scores = Scores::new(&measured, &self.measures, &users);
        let mut row = scores.row();
        for (cutoff, ratio) in self.parameters.cutoffs.iter().zip(coverage) {
            row.insert(format!("coverage@{cutoff}"), (*ratio).into());
        }
        self.rows.push(row);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        self.intervals.extend(scores.intervals(self.parameters.resamples, &mut rng));
        self.by_length.extend(scores.by_length(&self.parameters.history_lengths));
        if measured.hits == Hits::Item {
            let of_counts = |start, end| truth.of_counts(&users, start, end);
            self.by_item.extend(scores.by_range(&self.parameters.item_counts, of_counts));
        }
        self.ranks.of.push((measured, users));
    }

    fn write(&self, context: &Context) -> Result<()> {
        if self.rows.is_empty() {
            return Err(Failure::new(FailureKind::NothingUsable, "no rankings to measure: every input is empty"));
        }
        let folder = context.output("metrics");
        write_json(folder, "metrics.json", &self.rows)?;
        write_json(folder, "intervals.json", &self.intervals)?;
        write_json(folder, "by_length.json", &self.by_length)?;
        write_json(folder, "by_item.json", &self.by_item)?;
        self.ranks.write(context.output("ranks"))
    }
}

fn warn_of_missing_baselines(inputs: &BTreeMap<String, PathBuf>, context: &Context) {
    for baseline in BASELINES.into_iter().filter(|&baseline| !inputs.contains_key(baseline)) {
        context.log(format!(
            "no rankings are labelled {baseline}, so the other models are compared with no such baseline"
        ));
    }
}
