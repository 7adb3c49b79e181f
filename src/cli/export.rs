//! `pipe export merged`: the tuned model as a folder that other programs load.

use crate::cli::completion;
use crate::cli::lineage::{lineage, producer};
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::terminal::{print_line, size};
use crate::worker;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::Merge;
use serde_json::json;
use std::path::PathBuf;

/// Write a result in the form that other programs want.
#[derive(Debug, Args)]
pub(crate) struct ExportModelArguments {
    /// What to write.
    #[command(subcommand)]
    pub(super) what: ExportCommand,
}

/// What can be written for other programs.
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// The tuned model as one plain Hugging Face folder: the adapter becomes part of the weights.
    Merged(MergedArguments),
}

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

/// Writes results in the form that other programs want.
pub(super) fn export(arguments: &ExportModelArguments) -> Result<()> {
    match &arguments.what {
        ExportCommand::Merged(merged) => export_merged(merged),
    }
}

fn export_merged(arguments: &MergedArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let stage = producer(&session, TUNED, arguments.stage.as_deref())?;
    let output = &arguments.output;
    if output.exists() {
        return Err(Error::Usage {
            message: format!("{} is there already", output.display()),
            hint: Some("name a folder that is not, or remove it first".to_owned()),
        });
    }
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
