//! `pipe export merged`: the tuned model as a folder that other programs load.

use crate::cli::completion;
use crate::cli::export::output::refuse_existing;
use crate::cli::lineage::{lineage, producer};
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::Result;
use crate::terminal::{print_line, size};
use crate::worker;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::Merge;
use serde_json::json;
use std::path::PathBuf;

/// The tuned model as one plain Hugging Face folder: the adapter becomes part of the weights.
#[derive(Debug, Args)]
pub(crate) struct MergedArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// The folder to write, which must not be there yet.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
    /// The stage whose model is written, where there are several.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) stage: Option<String>,
}

/// The kind of artifact that is a tuned model.
const TUNED: &str = "tuned-model";

/// Asks the worker to write the model.
pub(super) fn export(arguments: &MergedArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let stage = producer(&session, TUNED, arguments.stage.as_deref())?;
    let output = &arguments.output;
    refuse_existing(output)?;
    let _lock = session.store.lock_shared()?;
    let request = Merge { stage: lineage(&session, &arguments.pipeline.pipeline, stage)?, output: output.clone() };
    let answer = worker::ask(&session.worker, &request)?;
    let text = if arguments.pipeline.output.json {
        json!({ "folder": output, "merged": answer.is_adapter, "bytes": answer.bytes }).to_string()
    } else {
        let how = if answer.is_adapter { "with its adapter merged" } else { "whole, since all weights were tuned" };
        format!("the model, {how}, is in {} ({})", output.display(), size(answer.bytes))
    };
    print_line(&text);
    Ok(())
}
