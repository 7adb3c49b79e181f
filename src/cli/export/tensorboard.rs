//! `pipe export tensorboard`: runs as event files of TensorBoard.

use crate::cli::export::records::RecordsArguments;
use crate::error::Result;
use crate::report::export::tensorboard;
use crate::terminal::print_line;
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::PathBuf;

/// Runs as event files of TensorBoard, with their metrics and the curves of their trainings.
#[derive(Debug, Args)]
pub(crate) struct TensorboardArguments {
    #[command(flatten)]
    pub(super) records: RecordsArguments,
    /// The folder; runs that it has already are written again, and others stay.
    #[arg(long, value_name = "FOLDER", default_value = "tensorboard", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
}

/// Writes the runs.
pub(super) fn export(arguments: &TensorboardArguments) -> Result<()> {
    let store = arguments.records.store.open()?;
    let _lock = store.lock_shared()?;
    let runs = arguments.records.find(&store)?;
    for record in &runs {
        tensorboard::write(&store, record, &arguments.output)?;
    }
    let folder = arguments.output.display();
    print_line(if arguments.records.form.json {
        json!({ "folder": arguments.output, "runs": runs.len() }).to_string()
    } else {
        format!("{} runs are in {folder}; `tensorboard --logdir {folder}` shows them", runs.len())
    });
    Ok(())
}
