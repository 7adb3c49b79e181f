//! `pipe export`: the tuned model, or a language model in a GGUF file, as a folder that other programs load.

use crate::cli::completion;
use crate::cli::lineage::{lineage, producer};
use crate::cli::options::{OutputArguments, PipelineArguments, WorkerArguments};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::terminal::{print_line, size};
use crate::worker;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::{Convert, Merge};
use serde_json::json;
use std::path::{Path, PathBuf};

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
    /// A language model, such as a GGUF file, as a Hugging Face folder.
    Model(LanguageModelArguments),
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

/// A language model, such as a GGUF file, as a Hugging Face folder.
#[derive(Debug, Args)]
pub(crate) struct LanguageModelArguments {
    /// The GGUF file, or the folder with the model.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(super) model: PathBuf,
    /// The folder to write, which must not be there yet.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) form: OutputArguments,
}

/// The kind of artifact that is a tuned model.
const TUNED: &str = "tuned-model";

/// Writes results in the form that other programs want.
pub(super) fn export(arguments: &ExportModelArguments) -> Result<()> {
    match &arguments.what {
        ExportCommand::Merged(merged) => export_merged(merged),
        ExportCommand::Model(model) => export_model(model),
    }
}

fn export_model(arguments: &LanguageModelArguments) -> Result<()> {
    let LanguageModelArguments { model, output, worker, form } = arguments;
    check_free(output)?;
    if !model.exists() {
        return Err(Error::Usage {
            message: format!("there is no model at {}", model.display()),
            hint: Some("name a GGUF file or a folder; `make model` fetches a small one".to_owned()),
        });
    }
    let request = Convert { model: model.clone(), output: output.clone() };
    let answer = worker::ask(&worker::find(worker.worker.clone())?, &request)?;
    let text = if form.json {
        json!({ "folder": output, "bytes": answer.bytes }).to_string()
    } else {
        format!("the model is in {} ({})", output.display(), size(answer.bytes))
    };
    print_line(&text);
    Ok(())
}

/// Refuses to write where something is.
fn check_free(output: &Path) -> Result<()> {
    if !output.exists() {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!("{} is there already", output.display()),
        hint: Some("name a folder that is not, or remove it first".to_owned()),
    })
}

fn export_merged(arguments: &MergedArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let stage = producer(&session, TUNED, arguments.stage.as_deref())?;
    let output = &arguments.output;
    check_free(output)?;
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
