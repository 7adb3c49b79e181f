//! `pipe export model`: a language model, such as a GGUF file, as a folder that other programs load.

use crate::cli::export::output::refuse_existing;
use crate::cli::options::{OutputArguments, WorkerArguments};
use crate::error::{Error, Result};
use crate::terminal::{print_line, size};
use crate::worker;
use clap::{Args, ValueHint};
use contract::questions::Convert;
use serde_json::json;
use std::path::PathBuf;

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

/// Asks the worker to write the model.
pub(super) fn export(arguments: &LanguageModelArguments) -> Result<()> {
    let LanguageModelArguments { model, output, worker, form } = arguments;
    refuse_existing(output)?;
    if !model.exists() {
        return Err(Error::Usage {
            message: format!("there is no model at {}", model.display()),
            hint: Some("name a GGUF file or a folder; `make model` fetches a small one".to_owned()),
        });
    }
    let request = Convert { model: model.clone(), output: output.clone() };
    let answer = worker::ask(&worker::find(worker.worker.clone())?, &request)?;
    print_line(if form.json {
        json!({ "folder": output, "bytes": answer.bytes }).to_string()
    } else {
        format!("the model is in {} ({})", output.display(), size(answer.bytes))
    });
    Ok(())
}
