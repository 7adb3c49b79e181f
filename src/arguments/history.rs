//! The arguments of the commands that look back: why, runs, show and logs.

use super::PipelineArguments;
use crate::candidates;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

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

/// Which store, for a command that needs no pipeline.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// The store; `artifacts` in the project's folder when not given.
    #[arg(long, env = "PIPE_STORE", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
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
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
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
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
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
