//! The arguments of `pipe peek`.

use crate::cli::arguments::PipelineArguments;
use crate::cli::candidates;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

/// `pipe peek`.
#[derive(Debug, Args)]
pub struct PeekArguments {
    /// Which pipeline; it can be left out, and is then the one that ran last.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// What to look into: STAGE, or STAGE.OUTPUT.
    #[arg(value_name = "STAGE[.OUTPUT]", add = ArgValueCandidates::new(candidates::stages))]
    pub what: Option<String>,
    /// How many rows of each table; of prompts, how many spread over all of them.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
    pub rows: usize,
}
