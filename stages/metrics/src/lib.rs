//! Hit ratio and NDCG of ranked lists, over all items, against the held-out item.
//!
//! With `r_u` the rank from 1 of user `u`'s test item in the list, and `U` all users that have a test item:
//!
//! * `HR@k = |{u : r_u <= k}| / |U|`
//! * `NDCG@k = Σ_{u : r_u <= k} 1 / log2(r_u + 1) / |U|` (there is one relevant item, so the ideal gain is 1)
//!
//! A user without a list is a miss: it stays in the denominator. Hits are of the item itself; for the labels named in
//! `code_level` they are counted on semantic codes as well: the list's distinct codes in order, and the rank of the
//! test item's code among them.

mod rank;
mod table;
#[cfg(test)]
mod tests;

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Codes, Interactions, Rankings, Seen, write_json};
use rank::{Hits, Truth};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Measures rankings.
#[derive(Debug)]
pub struct Metrics;

/// The parameters of [`Metrics`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The list lengths `k` to measure at.
    pub cutoffs: Vec<usize>,
    /// The labels of rankings whose hits are counted on codes as well, where codes are bound.
    pub code_level: Vec<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { cutoffs: vec![1, 5, 10], code_level: vec!["pipe".to_owned()] }
    }
}

impl Stage for Metrics {
    const NAME: &'static str = "metrics";
    const ABOUT: &'static str =
        "Measures HR@k and NDCG@k of rankings over all items, with seen items kept and excluded.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::One;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("interactions", "interactions", "Holds the test items."),
            InputPort::optional("codes", "codes", "Codes of the items, for hits on codes."),
            InputPort::required("rankings", "rankings", "The lists to measure; the label names the model.").many(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("metrics", "metrics", "metrics.json: one row per model, seen and kind of hit.")]
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let cutoffs = checked_cutoffs(&parameters)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let codes = context.optional_input("codes").map(Codes::read).transpose()?;
        let truth = Truth::new(&interactions, codes.as_ref())?;
        let mut rows = Vec::new();
        for (label, folder) in context.labelled_inputs("rankings") {
            let rankings = Rankings::read(&folder)?;
            truth.check(&label, &rankings)?;
            let on_codes = codes.is_some() && parameters.code_level.contains(&label);
            rows.extend(measure(&label, &rankings, &truth, &cutoffs, on_codes, context));
        }
        if rows.is_empty() {
            return Err(Failure::new(FailureKind::NothingUsable, "no rankings to measure: every input is empty"));
        }
        for line in table::lines(&rows) {
            context.log(line);
        }
        write_json(context.output("metrics"), "metrics.json", &rows)
    }
}

fn checked_cutoffs(parameters: &Parameters) -> Result<Vec<usize>> {
    let mut cutoffs = parameters.cutoffs.clone();
    cutoffs.sort_unstable();
    cutoffs.dedup();
    match cutoffs.first() {
        Some(&first) if first > 0 => Ok(cutoffs),
        _ => {
            let message = format!("cutoffs = {:?}, expected at least one, each at least 1", parameters.cutoffs);
            Err(Failure::new(FailureKind::Conflict, message))
        }
    }
}

/// The rows of one model.
fn measure(
    label: &str,
    rankings: &Rankings,
    truth: &Truth,
    cutoffs: &[usize],
    on_codes: bool,
    context: &Context,
) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for seen in [Seen::Kept, Seen::Excluded] {
        let lists = rankings.lists(seen);
        if lists.is_empty() {
            context.log(format!("{label}: no lists with seen items {}, so no row for them", seen.word()));
            continue;
        }
        let without = truth.users_without_list(lists);
        if without > 0 {
            let users = truth.users();
            context.log(format!("{label}, seen {}: {without} of {users} users have no list: misses", seen.word()));
        }
        for hits in [Hits::Item, Hits::Code].into_iter().filter(|&hits| hits == Hits::Item || on_codes) {
            rows.push(row(label, seen, hits, truth.users(), &truth.ranks(lists, hits), cutoffs));
        }
    }
    rows
}

/// A row from the ranks of the users that have the test item in their list.
fn row(label: &str, seen: Seen, hits: Hits, users: usize, ranks: &[usize], cutoffs: &[usize]) -> Map<String, Value> {
    let mean = |gain: fn(usize) -> f64, cutoff: usize| {
        // A sum of nothing is -0.0 in Rust.
        ranks.iter().filter(|&&rank| rank <= cutoff).fold(0.0, |sum, &rank| sum + gain(rank)) / users as f64
    };
    let mut row = Map::new();
    row.insert("model".into(), label.into());
    row.insert("seen".into(), seen.word().into());
    row.insert("hits".into(), hits.word().into());
    row.insert("users".into(), users.into());
    for &cutoff in cutoffs {
        row.insert(format!("HR@{cutoff}"), mean(|_| 1.0, cutoff).into());
    }
    for &cutoff in cutoffs {
        row.insert(format!("NDCG@{cutoff}"), mean(|rank| 1.0 / (rank as f64 + 1.0).log2(), cutoff).into());
    }
    row
}
