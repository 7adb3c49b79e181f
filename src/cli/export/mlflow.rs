//! `pipe export mlflow`: runs as a tracking folder of MLflow.

use crate::cli::completion;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::report::export::mlflow;
use crate::store::RunRecord;
use crate::terminal::print_line;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use serde_json::json;
use std::path::PathBuf;

/// Runs as a tracking folder of MLflow, with their parameters and metrics.
#[derive(Debug, Args)]
pub(crate) struct MlflowArguments {
    /// The runs: names, beginnings of them, latest or latest~N; all runs when none is given.
    #[arg(add = ArgValueCandidates::new(completion::runs))]
    pub(super) runs: Vec<String>,
    /// The folder; runs that it has already are written again, and others stay.
    #[arg(long, value_name = "FOLDER", default_value = "mlruns", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) form: OutputArguments,
}

/// Writes the runs.
pub(super) fn export(arguments: &MlflowArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let _lock = store.lock_shared()?;
    let runs: Vec<RunRecord> = if arguments.runs.is_empty() {
        store.runs()
    } else {
        arguments.runs.iter().map(|run| store.find_run(run)).collect::<Result<_>>()?
    };
    for record in &runs {
        mlflow::write(&store, record, &arguments.output)?;
    }
    let folder = arguments.output.display();
    print_line(if arguments.form.json {
        json!({ "folder": arguments.output, "runs": runs.len() }).to_string()
    } else {
        format!("{} runs are in {folder}; `mlflow ui --backend-store-uri {folder}` shows them", runs.len())
    });
    Ok(())
}
