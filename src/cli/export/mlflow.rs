//! `pipe export mlflow`: runs as a tracking folder of MLflow.

use crate::cli::export::records::RecordsArguments;
use crate::error::Result;
use crate::report::export::mlflow;
use crate::terminal::print_line;
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::PathBuf;

/// Runs as a tracking folder of MLflow, with their parameters, metrics and curves.
#[derive(Debug, Args)]
pub(crate) struct MlflowArguments {
    #[command(flatten)]
    pub(super) records: RecordsArguments,
    /// The folder; runs that it has already are written again, and others stay.
    #[arg(long, value_name = "FOLDER", default_value = "mlruns", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
}

/// Writes the runs.
pub(super) fn export(arguments: &MlflowArguments) -> Result<()> {
    let store = arguments.records.store.open()?;
    let _lock = store.lock_shared()?;
    let runs = arguments.records.find(&store)?;
    for record in &runs {
        mlflow::write(&store, record, &arguments.output)?;
    }
    let folder = arguments.output.display();
    print_line(if arguments.records.form.json {
        json!({ "folder": arguments.output, "runs": runs.len() }).to_string()
    } else {
        format!("{} runs are in {folder}; `mlflow ui --backend-store-uri {folder}` shows them", runs.len())
    });
    Ok(())
}
