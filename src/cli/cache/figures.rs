//! `pipe cache stat`: how much of what is in the store.

use crate::cli::arguments::StoreArguments;
use crate::cli::opened::open_store;
use crate::error::Result;
use crate::store::{Amount, Figures};
use crate::terminal::{size, table};
use serde_json::{Map, Value, json};
use std::io::Write as _;

/// Prints the figures of the store.
pub(super) fn figures(arguments: &StoreArguments) -> Result<()> {
    let store = open_store(arguments)?;
    let figures = store.figures()?;
    let text = if arguments.json { format!("{}\n", json!(figures)) } else { text(&figures) };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
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
