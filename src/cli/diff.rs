//! `pipe diff`: what differs between two runs.

use crate::cli::completion;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::report::diff;
use crate::terminal::print;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde_json::json;

/// Say what differs between two runs, and what that did to the metrics.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// The earlier run: its name or a beginning of it, latest, or latest~N.
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(completion::runs))]
    pub(super) old: String,
    /// The later run.
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(completion::runs))]
    pub(super) new: String,
}

/// Prints the difference.
pub(super) fn diff(arguments: &DiffArguments) -> Result<()> {
    let store = arguments.store.open()?;
    // Until they are read, nothing of the results goes.
    let _lock = store.lock_shared()?;
    let difference = diff::diff(&store, &store.find_run(&arguments.old)?, &store.find_run(&arguments.new)?)?;
    let text = if arguments.output.json { format!("{}\n", json!(difference)) } else { difference.text() };
    print(&text);
    Ok(())
}
