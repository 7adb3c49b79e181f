//! The runs that an export writes.

use crate::cli::completion;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::store::{RunRecord, Store};
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

/// Runs of a store.
#[derive(Debug, Args)]
pub(crate) struct RecordsArguments {
    /// The runs: names, beginnings of them, latest or latest~N; all runs when none is given.
    #[arg(add = ArgValueCandidates::new(completion::runs))]
    pub(super) runs: Vec<String>,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) form: OutputArguments,
}

impl RecordsArguments {
    /// The records that are meant.
    pub(super) fn find(&self, store: &Store) -> Result<Vec<RunRecord>> {
        if self.runs.is_empty() {
            return Ok(store.runs());
        }
        self.runs.iter().map(|run| store.find_run(run)).collect()
    }
}
