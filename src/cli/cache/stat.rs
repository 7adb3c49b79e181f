//! `pipe cache stat`: how much of what is in the store.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::store::{Amount, StoreStats};
use crate::terminal::{print, size, table};
use clap::Args;
use serde_json::{Map, Value, json};

/// Print how much of what is in the store.
#[derive(Debug, Args)]
pub(crate) struct StatArguments {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Prints how much of what is in the store.
pub(super) fn stat(arguments: &StatArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let stats = store.stats()?;
    let text = if arguments.output.json { format!("{}\n", json!(stats)) } else { text(&stats) };
    print(&text);
    Ok(())
}

fn text(stats: &StoreStats) -> String {
    let kinds = stats.kinds.iter().map(|(kind, amount)| row(&format!("  of {kind}"), *amount));
    let rows: Vec<Map<String, Value>> = [row("records", stats.records), row("artifacts", stats.artifacts)]
        .into_iter()
        .chain(kinds)
        .chain([
            row("  that no record names", stats.unnamed),
            row("quarantine", stats.quarantine),
            row("checkpoints", stats.checkpoints),
            row("runs", stats.runs),
            row("tmp", stats.tmp),
            row("index", stats.index),
        ])
        .collect();
    let mut text = table(&rows);
    if stats.unreadable > 0 {
        text += &format!("{} records cannot be read; see `pipe cache verify`\n", stats.unreadable);
    }
    let (one, many) = (stats.pins, stats.pinned);
    text + &format!("{one} pins keep {many} results; {} are free on the disk\n", size(stats.free))
}

fn row(name: &str, amount: Amount) -> Map<String, Value> {
    let cells = [("part", json!(name)), ("count", json!(amount.count)), ("size", json!(size(amount.bytes)))];
    cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
