//! `pipe show`: one run, with what became of each of its stages.

use crate::cli::completion;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::cli::runs;
use crate::error::Result;
use crate::report::metrics::Row;
use crate::store::{Action, RunRecord, StageRecord, StageState, Store};
use crate::terminal::{ago, duration, local, print, table, width, wrap};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Show a run: what was asked for, and what became of each stage.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// The run: its name or a beginning of it, latest, or latest~N.
    #[arg(add = ArgValueCandidates::new(completion::runs))]
    pub(super) run: String,
}

/// Prints a run.
pub(super) fn show(arguments: &ShowArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let record = store.find_run(&arguments.run)?;
    let text = if arguments.output.json { format!("{}\n", object(&store, &record)) } else { text(&store, &record) };
    print(&text);
    Ok(())
}

fn text(store: &Store, record: &RunRecord) -> String {
    let took = record.seconds.map(|seconds| format!(", took {}", duration(seconds))).unwrap_or_default();
    let host = if record.host.is_empty() { "not recorded" } else { &record.host };
    let mut fields = vec![("run", format!("{} of {}", record.run, record.pipeline))];
    fields.extend(label(record));
    fields.extend([
        ("command", format!("pipe {}", record.arguments.join(" "))),
        ("version", record.version.clone()),
        ("when", format!("{}, {}{took}", local(record.started), ago(record.started))),
        ("where", host.to_owned()),
        ("outcome", store.outcome(record).to_string()),
    ]);
    let mut text: String = fields.iter().map(|(name, text)| field(name, text)).collect();
    let rows: Vec<Row> =
        record.stages.iter().filter_map(|stage| row(store, record, stage).as_object().cloned()).collect();
    if !rows.is_empty() {
        text += &format!("\n{}", table(&rows));
    }
    for stage in record.stages.iter().filter(|stage| stage.status == StageState::Failed) {
        let reason = stage.reason.as_deref().unwrap_or_default();
        text += &format!("\n{} failed: {reason}\n  log: {}\n", stage.stage, log(store, record, stage).display());
    }
    text
}

/// What the user called the run, and the commit.
fn label(record: &RunRecord) -> impl Iterator<Item = (&'static str, String)> {
    let labels = [("name", &record.label.name), ("note", &record.label.note), ("commit", &record.commit)];
    labels.into_iter().filter_map(|(field, text)| Some((field, text.clone()?)))
}

/// A name and a string, which wraps beside the name on a terminal.
fn field(name: &str, text: &str) -> String {
    const NAMES: usize = 10;
    let lines = wrap(text, width().map_or(usize::MAX, |width| width - NAMES));
    let line = |(place, line): (usize, &String)| {
        let name = if place == 0 { name } else { "" };
        format!("{name:<NAMES$}{line}\n")
    };
    lines.iter().enumerate().map(line).collect()
}

/// A stage in a line. The reason of a failure is below the table; the host is shown where it is not that of the run.
fn row(store: &Store, record: &RunRecord, stage: &StageRecord) -> Value {
    let made = made(store, stage).map(|action| action.provenance);
    let made = made.as_ref();
    json!({
        "stage": stage.stage,
        "status": stage.status,
        "took": (stage.status != StageState::Skipped).then(|| took(stage)),
        "progress": stage.progress.as_ref().map(ToString::to_string),
        "key": stage.key.map(|key| key.0.short()),
        "host": made.map(|made| &made.host).filter(|host| **host != record.host),
        "threads": made.map(|made| made.threads),
        "device": made.map(|made| &made.device),
        "memory": made.and_then(|made| made.peak_memory).map(|bytes| format!("{} MiB", bytes >> 20)),
        "reason": stage.reason.as_ref().filter(|_| matches!(stage.status, StageState::Done | StageState::Run)),
    })
}

fn took(stage: &StageRecord) -> String {
    let so_far = if stage.status == StageState::Run { " so far" } else { "" };
    format!("{}{so_far}", duration(stage.seconds))
}

fn object(store: &Store, record: &RunRecord) -> Value {
    let stages = record.stages.iter().map(|stage| {
        json!({
            "stage": stage.stage, "status": stage.status, "seconds": stage.seconds, "reason": stage.reason,
            "progress": stage.progress,
            "key": stage.key, "provenance": made(store, stage).map(|action| action.provenance),
            "log": Some(log(store, record, stage)).filter(|log| log.is_file()),
        })
    });
    let mut object = runs::object(store, record);
    object["arguments"] = json!(record.arguments);
    object["version"] = json!(record.version);
    object["host"] = json!(record.host);
    object["stages"] = stages.collect();
    object
}

/// The result of a stage, while its record is there.
fn made(store: &Store, stage: &StageRecord) -> Option<Action> {
    stage.key.filter(|_| stage.status != StageState::Failed).and_then(|key| store.action(key))
}

fn log(store: &Store, record: &RunRecord, stage: &StageRecord) -> PathBuf {
    store.run_folder(&record.run).join(format!("{}.log", stage.stage))
}
