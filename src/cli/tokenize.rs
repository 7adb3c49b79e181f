//! `pipe tokenize`: codes for items that were not there at training.
//!
//! The worker knows how codes are made and reads the tables; here is known which stage made the codes that the pipeline
//! has now.

use crate::cli::arguments::TokenizeArguments;
use crate::cli::lineage::{lineage, the_maker};
use crate::cli::metrics::print;
use crate::cli::opened::Opened;
use crate::error::Result;
use crate::worker;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::Write as _;

/// The kind of artifact that gives codes.
const CODEBOOK: &str = "codebook";

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    item: String,
    codes: Vec<u32>,
    from: String,
    collides_with: Vec<u32>,
}

/// Gives codes to new items.
pub fn tokenize(arguments: &TokenizeArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let stage = the_maker(&opened, CODEBOOK, arguments.stage.as_deref())?;
    // Until the answer is there, nothing of what it needs goes.
    let _share = opened.store.share()?;
    let request = json!({
        "stage": lineage(&opened, &arguments.pipeline.pipeline, stage)?,
        "items": arguments.items,
        "output": arguments.output,
        "device": arguments.device,
    });
    let answer: Answer = worker::question(&opened.worker, "tokenize", &request)?;
    match &arguments.output {
        Some(output) if !arguments.pipeline.json => {
            // Nobody may be reading any more.
            drop(writeln!(std::io::stdout(), "{} are in {}", summary(&answer.items), output.display()));
        }
        _ => print(&answer.items.iter().map(row).collect::<Vec<_>>(), arguments.pipeline.json),
    }
    Ok(())
}

fn row(item: &Item) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("item".to_owned(), item.item.clone().into());
    for (level, code) in (1..).zip(&item.codes) {
        row.insert(format!("code_{level}"), (*code).into());
    }
    row.insert("from".to_owned(), item.from.clone().into());
    row.insert("collides_with".to_owned(), item.collides_with.clone().into());
    row
}

fn summary(items: &[Item]) -> String {
    let from = |source: &str| items.iter().filter(|item| item.from == source).count();
    let collide = items.iter().filter(|item| !item.collides_with.is_empty()).count();
    format!(
        "the codes of {} items ({} from an embedding, {} from text; {collide} collide with an item in use)",
        items.len(),
        from("embedding"),
        from("text"),
    )
}
