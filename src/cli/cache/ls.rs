//! `pipe cache ls`: the results in the store.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::key::Key;
use crate::store::{Entry, Records, Uses};
use crate::terminal::{local, print, size, table};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// List the results, the last used first.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only results that this pipeline made.
    #[arg(long, value_name = "PIPELINE")]
    pub(super) pipeline: Option<String>,
    /// Only results of stages of this name or kind.
    #[arg(long, value_name = "STAGE")]
    pub(super) stage: Option<String>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Prints the results that are meant, the last used first.
pub(super) fn ls(arguments: &LsArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let lock = store.lock_shared()?;
    let (records, uses, pins) = (Records::of(&store)?, Uses::of(&store)?, store.pins()?);
    drop(lock);
    let pinned: BTreeSet<Key> = pins.into_iter().flat_map(|pin| pin.keys.into_values()).collect();
    let mut found: Vec<&Entry> = records.entries.values().filter(|entry| is_meant(arguments, entry)).collect();
    found.sort_by_key(|entry| (std::cmp::Reverse((uses.last(entry), entry.made)), entry.key));
    for (path, why) in &records.unreadable {
        tracing::warn!("{}: {why}", path.display());
    }
    let lines = found.into_iter().map(|entry| Line {
        entry,
        used: uses.last(entry),
        bytes: records.bytes_of(entry),
        is_pinned: pinned.contains(&entry.key),
    });
    let text = if arguments.output.json {
        let lines: Vec<String> = lines.map(|line| line.json().to_string()).collect();
        format!("[{}]\n", lines.join(",\n "))
    } else {
        let rows: Vec<_> = lines.map(|line| line.row()).collect();
        if rows.is_empty() { "no results\n".to_owned() } else { table(&rows) }
    };
    print(&text);
    Ok(())
}

fn is_meant(arguments: &LsArguments, entry: &Entry) -> bool {
    let is_stage =
        |name: &String| *name == entry.kind || entry.stage.as_ref().is_some_and(|stage| stage.as_str() == name);
    arguments.pipeline.as_ref().is_none_or(|name| *name == entry.pipeline)
        && arguments.stage.as_ref().is_none_or(is_stage)
}

/// A result with what is known of it.
struct Line<'a> {
    entry: &'a Entry,
    used: u64,
    bytes: u64,
    is_pinned: bool,
}

impl Line<'_> {
    fn json(&self) -> Value {
        let Entry { key, kind, pipeline, stage, made, outputs, .. } = self.entry;
        json!({
            "key": key, "stage": stage, "kind": kind, "pipeline": pipeline, "made": made, "used": self.used,
            "bytes": self.bytes, "pinned": self.is_pinned, "outputs": outputs,
        })
    }

    fn row(&self) -> Map<String, Value> {
        let stage = self.entry.stage.as_ref().map_or(self.entry.kind.as_str(), |stage| stage.as_str());
        let cells = [
            ("key", self.entry.key.0.short()),
            ("stage", stage.to_owned()),
            ("pipeline", self.entry.pipeline.clone()),
            ("made", local(self.entry.made)),
            ("used", local(self.used)),
            ("size", size(self.bytes)),
            ("pinned", if self.is_pinned { "pinned" } else { "" }.to_owned()),
        ];
        cells.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
    }
}
