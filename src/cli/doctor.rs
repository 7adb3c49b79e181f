//! `pipe doctor`: says what was found of all that `pipe` needs.

use crate::cli::options::{OutputArguments, StoreArguments, WorkerArguments};
use crate::doctor::examine;
use crate::error::Result;
use clap::Args;

/// Say what was found of all that pipe needs: worker, libtorch, CUDA, store, machine.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Prints what was found.
///
/// # Errors
/// The first problem that prevents runs, after everything has been printed.
pub(super) fn doctor(arguments: &DoctorArguments) -> Result<()> {
    let report = examine(arguments.store.store.clone(), arguments.worker.worker.clone());
    arguments.output.print(|| report.json(), || report.text());
    report.conclude()
}
