//! The arguments of `pipe export`.

use crate::cli::arguments::PipelineArguments;
use crate::cli::candidates;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// `pipe export`.
#[derive(Debug, Args)]
pub struct ExportModelArguments {
    /// What to write.
    #[command(subcommand)]
    pub what: ExportCommand,
}

/// What can be written for other programs.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// The tuned model as one plain Hugging Face folder: the adapter becomes part of the weights.
    Merged(MergedArguments),
}

/// `pipe export merged`.
#[derive(Debug, Args)]
pub struct MergedArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The folder to write, which must not be there yet.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
    /// The stage whose model is written, where there are several.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(candidates::stages))]
    pub stage: Option<String>,
}
