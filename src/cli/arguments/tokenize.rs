//! The arguments of `pipe tokenize`.

use crate::cli::arguments::PipelineArguments;
use crate::cli::candidates;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// `pipe tokenize`.
#[derive(Debug, Args)]
pub struct TokenizeArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The new items, as Parquet: item, and embedding (lists of numbers) or title and description.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub items: PathBuf,
    /// The stage whose codebook is used, where there are several.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(candidates::stages))]
    pub stage: Option<String>,
    /// Write the codes to this Parquet file: item, code_1, code_2, ...
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// The device that embeds texts.
    #[arg(long, default_value = "cpu", value_parser = ["cpu", "cuda"])]
    pub device: String,
}
