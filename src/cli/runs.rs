//! `pipe runs`: lists the runs that a store remembers, the newest first.

use crate::cli::completion;
use crate::cli::metrics::print_rows;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::report::metrics::Row;
use crate::store::{Outcome, RunRecord, StageState, Store};
use crate::terminal::{ago, duration, local};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};

/// List the runs, newest first. A run in which every stage was cached is recorded if it has a name or a note.
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Only runs of the pipeline of this name.
    #[arg(long, value_name = "PIPELINE", add = ArgValueCompleter::new(completion::pipelines))]
    pub(super) pipeline: Option<String>,
    /// Only the newest N.
    #[arg(long, value_name = "N")]
    pub(super) last: Option<usize>,
}

/// Prints the runs.
pub(super) fn runs(arguments: &RunsArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let wanted = |record: &RunRecord| arguments.pipeline.as_ref().is_none_or(|name| *name == record.pipeline);
    let records = store.runs().into_iter().rev().filter(wanted).take(arguments.last.unwrap_or(usize::MAX));
    let row = |record: RunRecord| if arguments.output.json { facts(&store, &record) } else { words(&store, &record) };
    let rows: Vec<Row> = records.filter_map(|record| row(record).as_object().cloned()).collect();
    print_rows(&rows, arguments.output.json);
    Ok(())
}

/// How many stages of a run ended in each state.
fn counts(record: &RunRecord) -> Vec<(String, Value)> {
    let states = [StageState::Done, StageState::Cached, StageState::Failed, StageState::Skipped];
    states.into_iter().map(|state| (state.to_string(), record.count(state).into())).collect()
}

/// A run for programs.
pub(super) fn facts(store: &Store, record: &RunRecord) -> Value {
    let outcome = match store.outcome(record) {
        Outcome::Failed(_) => "failed".to_owned(),
        other => other.to_string(),
    };
    let mut facts = json!({
        "run": record.run, "pipeline": record.pipeline, "started": record.started, "seconds": record.seconds,
        "outcome": outcome, "code": record.code, "name": record.label.name, "note": record.label.note,
        "commit": record.commit, "set": set(record),
    });
    add(&mut facts, counts(record));
    facts
}

fn words(store: &Store, record: &RunRecord) -> Value {
    let mut words = json!({
        "run": record.run, "pipeline": record.pipeline, "when": local(record.started), "ago": ago(record.started),
        "took": record.seconds.map(duration),
    });
    add(&mut words, counts(record));
    words["outcome"] = store.outcome(record).to_string().into();
    words["name"] = json!(record.label.name);
    words["set"] = set(record).join(", ").into();
    words["commit"] = record.commit.as_ref().map(|commit| commit.chars().take(9).collect::<String>()).into();
    words["note"] = json!(record.label.note);
    words
}

/// The settings of a run's command line: of `--set`, `--profile` and `--point`.
fn set(record: &RunRecord) -> Vec<String> {
    let mut found = Vec::new();
    let mut words = record.arguments.iter();
    while let Some(word) = words.next() {
        let (option, value) =
            word.split_once('=').map_or((word.as_str(), None), |(option, value)| (option, Some(value)));
        let prefix = match option {
            "--set" => "",
            "--profile" => "profile ",
            "--point" => "point ",
            _ => continue,
        };
        let value = value.map(str::to_owned).or_else(|| words.next().cloned());
        found.extend(value.map(|value| format!("{prefix}{value}")));
    }
    found
}

fn add(object: &mut Value, fields: Vec<(String, Value)>) {
    for (name, value) in fields {
        object[name] = value;
    }
}
