//! `pipe show`: one run.

use crate::arguments::ShowArguments;
use crate::commands::opened::open_store;
use crate::commands::runs::as_json;
use crate::error::Result;
use crate::show::{ago, duration, size, table, time};
use crate::store::{Lookup, Provenance, RunRecord, StageRecord, StageStatus, Store, now};
use serde_json::{Map, Value, json};
use std::io::Write as _;

/// Shows what was asked for in a run, and what became of each stage.
pub fn show(arguments: &ShowArguments) -> Result<()> {
    let store = open_store(&arguments.store)?;
    let run = store.run_named(&arguments.run)?;
    let text = if arguments.store.json { format!("{}\n", as_json(&store, &run)) } else { text(&store, &run) };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn text(store: &Store, run: &RunRecord) -> String {
    let took = run.seconds.map(|seconds| format!(", took {}", duration(seconds))).unwrap_or_default();
    let mut text = format!(
        "{}\npipe {}\nversion {}, {} ({}){took}: {}\n",
        run.run,
        run.arguments.join(" "),
        run.version,
        time(run.started),
        ago(run.started, now()),
        store.outcome(run)
    );
    if !run.stages.is_empty() {
        let rows: Vec<Map<String, Value>> = run.stages.iter().map(|stage| row(store, stage)).collect();
        text += &format!("\n{}", table(&rows));
    }
    for stage in run.stages.iter().filter(|stage| stage.status == StageStatus::Failed) {
        let log = store.run_folder(&run.run).join(format!("{}.log", stage.stage));
        text += &format!("\n{}\n", stage.reason.as_deref().unwrap_or_default());
        if log.is_file() {
            text += &format!("  log: {}\n", log.display());
        }
    }
    text
}

fn row(store: &Store, stage: &StageRecord) -> Map<String, Value> {
    let made = provenance(store, stage);
    let reason = if stage.status == StageStatus::Ran { stage.reason.clone() } else { None };
    let row = json!({
        "stage": stage.stage, "status": stage.status.as_str(),
        "took": (stage.status != StageStatus::Hit).then(|| duration(stage.seconds)),
        "key": stage.key.map(|key| key.0.short()),
        "host": made.as_ref().map(|made| made.host.clone()),
        "threads": made.as_ref().map(|made| made.threads),
        "device": made.as_ref().map(|made| made.device.clone()),
        "memory": made.as_ref().and_then(|made| made.peak_memory).map(size),
        "reason": reason,
    });
    row.as_object().cloned().unwrap_or_default()
}

/// Where a stage's result was made, as long as its record is there.
fn provenance(store: &Store, stage: &StageRecord) -> Option<Provenance> {
    match store.lookup(stage.key?) {
        Ok(Lookup::Hit(action)) => Some(action.provenance),
        _ => None,
    }
}
