//! The arguments of the commands that look back: why, runs, show and logs.

use super::{PipelineArguments, StoreArguments};
use crate::candidates;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

/// `pipe why`.
#[derive(Debug, Args)]
pub struct WhyArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The stage.
    #[arg(add = ArgValueCandidates::new(candidates::stages))]
    pub stage: String,
    /// Compare with this run instead of the newest result: its name, a beginning of it, latest or latest~N.
    #[arg(long, value_name = "RUN", add = ArgValueCandidates::new(candidates::runs))]
    pub against: Option<String>,
}

/// `pipe runs`.
#[derive(Debug, Args)]
pub struct RunsArguments {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Only those of this pipeline.
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Only the newest N.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub last: usize,
}

/// `pipe show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The run: its name, a beginning of it, latest or latest~N.
    #[arg(default_value = "latest", add = ArgValueCandidates::new(candidates::runs))]
    pub run: String,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
}

/// `pipe logs`.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// The run: its name, a beginning of it, latest or latest~N. A stage of the latest run will do as well.
    #[arg(default_value = "latest", add = ArgValueCandidates::new(candidates::runs))]
    pub run: String,
    /// Only this stage.
    pub stage: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Go on while the run does.
    #[arg(short, long)]
    pub follow: bool,
}
