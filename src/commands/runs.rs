//! `pipe runs`: the runs of a store.

use crate::arguments::RunsArguments;
use crate::commands::opened::open_store;
use crate::error::Result;
use crate::show::{ago, duration, table, time};
use crate::store::{RunRecord, StageStatus, Store, now};
use serde_json::{Map, Value, json};
use std::io::Write as _;

/// Lists the runs that started something, newest last.
pub fn runs(arguments: &RunsArguments) -> Result<()> {
    let store = open_store(&arguments.store)?;
    let wanted = |run: &RunRecord| arguments.pipeline.as_ref().is_none_or(|pipeline| *pipeline == run.pipeline);
    let runs: Vec<RunRecord> = store.runs().into_iter().filter(wanted).collect();
    let newest = &runs[runs.len().saturating_sub(arguments.last)..];
    let text = if arguments.store.json {
        newest.iter().map(|run| format!("{}\n", as_json(&store, run))).collect()
    } else {
        let rows: Vec<Map<String, Value>> = newest.iter().map(|run| row(&store, run)).collect();
        if rows.is_empty() { "there are no runs yet\n".to_owned() } else { table(&rows) }
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

/// A run as one object: its record, and how it came out.
pub(super) fn as_json(store: &Store, run: &RunRecord) -> Value {
    let mut value = serde_json::to_value(run).unwrap_or_default();
    value["outcome"] = store.outcome(run).to_string().into();
    value
}

fn row(store: &Store, run: &RunRecord) -> Map<String, Value> {
    let counted = |status: StageStatus| match run.count(status) {
        0 => Value::Null,
        count => count.into(),
    };
    let row = json!({
        "run": run.run, "pipeline": run.pipeline, "when": time(run.started), "": ago(run.started, now()),
        "took": run.seconds.map(duration), "ran": counted(StageStatus::Ran), "hit": counted(StageStatus::Hit),
        "failed": counted(StageStatus::Failed), "skipped": counted(StageStatus::Skipped),
        "outcome": store.outcome(run).to_string(),
    });
    row.as_object().cloned().unwrap_or_default()
}
