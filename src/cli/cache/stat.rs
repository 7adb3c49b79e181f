//! `pipe cache stat`: how much of what is in the store.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::store::{Amount, Figures};
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

/// Prints the figures of the store.
pub(super) fn stat(arguments: &StatArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let figures = store.figures()?;
    let text = if arguments.output.json { format!("{}\n", json!(figures)) } else { text(&figures) };
    print(&text);
    Ok(())
}

fn text(figures: &Figures) -> String {
    let kinds = figures.kinds.iter().map(|(kind, amount)| row(&format!("  of {kind}"), *amount));
    let rows: Vec<Map<String, Value>> = [row("records", figures.records), row("artifacts", figures.artifacts)]
        .into_iter()
        .chain(kinds)
        .chain([
            row("  that no record names", figures.unnamed),
            row("set aside", figures.set_aside),
            row("checkpoints", figures.checkpoints),
            row("runs", figures.runs),
            row("tmp", figures.tmp),
            row("index", figures.index),
        ])
        .collect();
    let mut text = table(&rows);
    if figures.unreadable > 0 {
        text += &format!("{} records cannot be read; see `pipe cache verify`\n", figures.unreadable);
    }
    let (one, many) = (figures.pins, figures.pinned);
    text + &format!("{one} pins keep {many} results; {} are free on the disk\n", size(figures.free))
}

fn row(name: &str, amount: Amount) -> Map<String, Value> {
    let cells = [("what", json!(name)), ("count", json!(amount.count)), ("size", json!(size(amount.bytes)))];
    cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
