//! The arguments of the commands that keep results the same: `pipe lock` and `pipe reproduce`.

use crate::cli::arguments::PipelineArguments;
use crate::cli::candidates;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

/// `pipe lock`.
#[derive(Debug, Args)]
pub struct LockArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Write nothing; fail when the lock is not what would be written.
    #[arg(long)]
    pub check: bool,
}

/// `pipe reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Run only this stage again; what enters it comes from the store.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(candidates::stages))]
    pub stage: Option<String>,
    /// How many times to run again, each time in an empty store, until something differs.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub times: u16,
    /// Compare with the pipeline's lock, not with the store.
    #[arg(long)]
    pub locked: bool,
    /// How many stages may run at once; as many as the machine has threads when not given.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// The device for stages that name none: auto, cpu or cuda.
    #[arg(long, default_value = "auto", value_parser = ["auto", "cpu", "cuda"])]
    pub device: String,
}
