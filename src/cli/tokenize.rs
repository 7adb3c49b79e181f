//! `pipe tokenize`: codes for items that were not in the training data.
//!
//! The worker reads the tables and computes the codes; this module finds the stage that trained the codebook.

use crate::cli::completion;
use crate::cli::lineage::{lineage, producer};
use crate::cli::metrics::print_rows;
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::Result;
use crate::terminal::print_line;
use crate::worker;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::{CodeSource, Tokenize, TokenizedItem};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Give codes to items that were not there at training, from their embedding or their text.
#[derive(Debug, Args)]
pub(crate) struct TokenizeArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// The new items, as Parquet: item, and embedding (lists of numbers) or title and description.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) items: PathBuf,
    /// The stage whose codebook is used, where there are several.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) stage: Option<String>,
    /// Write the codes to this Parquet file: item, title, code_1, code_2, ...
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) output: Option<PathBuf>,
    /// The device that embeds texts.
    #[arg(long, default_value = "cpu", value_parser = ["cpu", "cuda"])]
    pub(super) device: String,
}

/// The kind of artifact that gives codes.
const CODEBOOK: &str = "codebook";

/// Gives codes to new items.
pub(super) fn tokenize(arguments: &TokenizeArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let stage = producer(&session, CODEBOOK, arguments.stage.as_deref())?;
    // Until the answer is there, nothing of what it needs goes.
    let _lock = session.store.lock_shared()?;
    let request = Tokenize {
        stage: lineage(&session, &arguments.pipeline.pipeline, stage)?,
        items: arguments.items.clone(),
        output: arguments.output.clone(),
        device: arguments.device.clone(),
    };
    let answer = worker::ask(&session.worker, &request)?;
    match &arguments.output {
        Some(output) if !arguments.pipeline.output.json => {
            print_line(format!("{} are in {}", summary(&answer.items), output.display()));
        }
        _ => print_rows(&answer.items.iter().map(row).collect::<Vec<_>>(), arguments.pipeline.output.json),
    }
    Ok(())
}

fn row(item: &TokenizedItem) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("item".to_owned(), item.item.clone().into());
    for (level, code) in (1..).zip(&item.codes) {
        row.insert(format!("code_{level}"), (*code).into());
    }
    row.insert("from".to_owned(), item.from.as_str().into());
    row.insert("collides_with".to_owned(), item.collides_with.clone().into());
    row
}

fn summary(items: &[TokenizedItem]) -> String {
    let from = |source: CodeSource| items.iter().filter(|item| item.from == source).count();
    let collide = items.iter().filter(|item| !item.collides_with.is_empty()).count();
    format!(
        "the codes of {} items ({} from an embedding, {} from text; {collide} collide with an item in use)",
        items.len(),
        from(CodeSource::Embedding),
        from(CodeSource::Text),
    )
}
