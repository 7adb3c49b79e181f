//! `pipe runs`: lists the runs that a store remembers, the newest first.

use crate::cli::completion;
use crate::cli::metrics::print_rows;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::report::metrics::{self, Row};
use crate::report::summary::{self, DEFAULT_METRIC};
use crate::store::{Outcome, RunRecord, StageState, Store};
use crate::terminal::{ago, columns, duration, print, width, wrap};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};

/// The file of an artifact with its rows of metrics.
const TABLE: &str = "metrics.json";

/// List the runs, newest first, with the best model by a metric. A run in which every stage was cached is recorded if it has a
/// name or a note.
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Only runs of the pipeline of this name.
    #[arg(long, value_name = "PIPELINE", add = ArgValueCompleter::new(completion::pipelines))]
    pub(super) pipeline: Option<String>,
    /// Show this metric of each run's best model; NDCG@10 when not given.
    #[arg(long, value_name = "METRIC")]
    pub(super) metric: Option<String>,
    /// Only the newest N.
    #[arg(long, value_name = "N")]
    pub(super) last: Option<usize>,
}

/// Prints the runs.
///
/// # Errors
/// [`Error::Usage`], when a metric is asked for that no run has and runs have others.
pub(super) fn runs(arguments: &RunsArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let wanted = |record: &RunRecord| arguments.pipeline.as_ref().is_none_or(|name| *name == record.pipeline);
    let records: Vec<RunRecord> =
        store.runs().into_iter().rev().filter(wanted).take(arguments.last.unwrap_or(usize::MAX)).collect();
    let measured: Vec<Vec<Row>> = records.iter().map(|record| metrics_of(&store, record)).collect();
    let metric = arguments.metric.as_deref().unwrap_or(DEFAULT_METRIC);
    if arguments.metric.is_some() {
        check_metric(metric, &measured)?;
    }
    let lines: Vec<Listed<'_>> = records
        .iter()
        .zip(&measured)
        .map(|(record, rows)| Listed { record, metric, best: summary::best(rows, metric) })
        .collect();
    if arguments.output.json {
        let rows: Vec<Row> = lines.iter().filter_map(|line| line.json(&store).as_object().cloned()).collect();
        print_rows(&rows, true);
    } else {
        print(&text(&store, &lines));
    }
    Ok(())
}

/// A run with the model that is best by a metric.
struct Listed<'a> {
    record: &'a RunRecord,
    metric: &'a str,
    best: Option<(String, f64)>,
}

impl Listed<'_> {
    fn json(&self, store: &Store) -> Value {
        let mut object = object(store, self.record);
        let best = self.best.as_ref();
        object["metric"] =
            json!(best.map(|(model, value)| json!({ "name": self.metric, "value": value, "model": model })));
        object
    }

    fn row(&self, store: &Store) -> Value {
        let record = self.record;
        let mut row = json!({
            "run": record.run, "pipeline": record.pipeline, "ago": ago(record.started),
            "took": record.seconds.map(duration), "outcome": store.outcome(record).to_string(),
        });
        row[self.metric] = self.best.as_ref().map(|(_, value)| *value).into();
        row["best"] = self.best.as_ref().map(|(model, _)| model.as_str()).into();
        row
    }

    /// What tells the run from others: its name, note, settings and commit, and what became of its stages.
    fn details(&self) -> String {
        let record = self.record;
        let commit = record.commit.as_ref().map(|commit| commit.chars().take(9).collect::<String>());
        let labels = [("name", record.label.name.clone()), ("note", record.label.note.clone()), ("commit", commit)];
        let labels = labels.into_iter().filter_map(|(field, text)| Some(format!("{field} {}", text?)));
        let set = Some(set(record).join(", ")).filter(|text| !text.is_empty()).map(|text| format!("set {text}"));
        let counts = counts(record).into_iter().filter(|(_, count)| *count > 0);
        let counts = counts.map(|(state, count)| format!("{count} {state}"));
        labels
            .chain(set)
            .chain(Some(counts.collect::<Vec<_>>().join(", ")))
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }
}

/// A table with the details of each run below its line.
fn text(store: &Store, lines: &[Listed<'_>]) -> String {
    const INDENT: &str = "  ";
    if lines.is_empty() {
        return String::new();
    }
    let rows: Vec<Row> = lines.iter().filter_map(|line| line.row(store).as_object().cloned()).collect();
    let table = columns(&rows);
    let limit = width();
    let set = table.set(limit);
    // Where a row wraps, details follow the table.
    if set.lines().count() != lines.len() + 1 {
        let details = lines.iter().map(|line| format!("{}: {}\n", line.record.run, line.details()));
        return format!("{set}\n{}", details.collect::<String>());
    }
    let mut text = String::new();
    for (place, line) in set.lines().enumerate() {
        text += &format!("{line}\n");
        if let Some(listed) = place.checked_sub(1).and_then(|place| lines.get(place)) {
            let room = limit.map_or(usize::MAX, |limit| limit - INDENT.len());
            for detail in wrap(&listed.details(), room).into_iter().filter(|detail| !detail.is_empty()) {
                text += &format!("{INDENT}{detail}\n");
            }
        }
    }
    text
}

/// The rows of metrics of a run's results that are still there. A damaged table is left out.
fn metrics_of(store: &Store, record: &RunRecord) -> Vec<Row> {
    let keys = record.stages.iter().filter(|stage| stage.status.has_result()).filter_map(|stage| stage.key);
    let folders = keys.filter_map(|key| store.action(key)).flat_map(|action| action.outputs.into_values());
    let tables = folders.filter(|artifact| artifact.files.iter().any(|file| file.path.as_str() == TABLE));
    tables
        .filter_map(|artifact| metrics::rows(&store.artifact(&artifact.digest), metrics::MAIN).ok())
        .flatten()
        .collect()
}

fn check_metric(metric: &str, measured: &[Vec<Row>]) -> Result<()> {
    let all: Vec<Row> = measured.iter().flatten().cloned().collect();
    let names = summary::names(&all);
    if names.is_empty() || names.iter().any(|name| name == metric) {
        return Ok(());
    }
    let hint = suggestion(metric, names.iter().map(String::as_str), "they have");
    Err(Error::Usage { message: format!("no run has a metric '{metric}'"), hint: Some(hint) })
}

/// How many stages of a run ended in each state.
fn counts(record: &RunRecord) -> Vec<(&'static str, usize)> {
    let states = [StageState::Done, StageState::Cached, StageState::Failed, StageState::Skipped];
    let running = ("running", record.count(StageState::Run));
    std::iter::once(running).chain(states.into_iter().map(|state| (state.as_str(), record.count(state)))).collect()
}

/// A run for programs.
pub(super) fn object(store: &Store, record: &RunRecord) -> Value {
    let outcome = match store.outcome(record) {
        Outcome::Failed(_) => "failed".to_owned(),
        other => other.to_string(),
    };
    let mut object = json!({
        "run": record.run, "pipeline": record.pipeline, "started": record.started, "seconds": record.seconds,
        "outcome": outcome, "code": record.code, "name": record.label.name, "note": record.label.note,
        "commit": record.commit, "set": set(record),
    });
    for (state, count) in counts(record) {
        object[state] = count.into();
    }
    object
}

/// The settings of a run's command line: of `--set`, `--profile` and `--point`.
fn set(record: &RunRecord) -> Vec<String> {
    let mut found = Vec::new();
    let mut arguments = record.arguments.iter();
    while let Some(argument) = arguments.next() {
        let (option, value) =
            argument.split_once('=').map_or((argument.as_str(), None), |(option, value)| (option, Some(value)));
        let prefix = match option {
            "--set" => "",
            "--profile" => "profile ",
            "--point" => "point ",
            _ => continue,
        };
        let value = value.map(str::to_owned).or_else(|| arguments.next().cloned());
        found.extend(value.map(|value| format!("{prefix}{value}")));
    }
    found
}
