//! The arguments of `pipe cache` and `pipe pin`.

use crate::cli::arguments::PipelineArguments;
use crate::pipeline::bytes;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `pipe cache`.
#[derive(Debug, Args)]
pub struct CacheArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// What can be done with a store.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// List the results, the last used first.
    Ls(LsArguments),
    /// Print the folders of a stage's current result.
    Path(PathArguments),
    /// Look whether every record and artifact is whole.
    Verify(VerifyArguments),
    /// Remove what nothing refers to, and what is beyond what is to be kept.
    Gc(GcArguments),
    /// Copy current results to a folder, with where they come from.
    Export(ExportArguments),
    /// Make the index anew from records and runs.
    RebuildIndex(StoreArguments),
    /// Say how much of what is in the store.
    Stat(StoreArguments),
}

/// Which store, for commands that need no pipeline.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// The store; `artifacts` of the project that this folder is in when not given.
    #[arg(long, env = "PIPE_STORE", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// `pipe cache ls`.
#[derive(Debug, Args)]
pub struct LsArguments {
    /// Only results that this pipeline made.
    #[arg(long, value_name = "PIPELINE")]
    pub pipeline: Option<String>,
    /// Only results of stages of this name or kind.
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
}

/// `pipe cache path`.
#[derive(Debug, Args)]
pub struct PathArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The stage; with an output only that one's folder.
    #[arg(value_name = "STAGE[.OUTPUT]")]
    pub stage: String,
}

/// `pipe cache verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Read every byte, and look for files that do not belong.
    #[arg(long)]
    pub deep: bool,
    /// Set aside what is damaged, so that the next run makes it again.
    #[arg(long)]
    pub repair: bool,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
}

/// `pipe cache gc`.
#[derive(Debug, Args)]
pub struct GcArguments {
    /// Keep what the newest N runs of each pipeline used; with --keep-days, keep what either keeps.
    #[arg(long, value_name = "N")]
    pub keep_runs: Option<usize>,
    /// Keep what was used in the last D days.
    #[arg(long, value_name = "D")]
    pub keep_days: Option<u64>,
    /// Then remove what was used least recently until the store has no more than this: a number and K, M, G or T.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_size: Option<u64>,
    /// Remove what was found damaged and set aside as well.
    #[arg(long)]
    pub set_aside: bool,
    /// Only say what would go.
    #[arg(long)]
    pub dry_run: bool,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
}

/// `pipe cache export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Which stages or outputs; all when none is named.
    #[arg(value_name = "STAGE[.OUTPUT]")]
    pub stages: Vec<String>,
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
}

/// `pipe pin`.
#[derive(Debug, Args)]
pub struct PinArguments {
    /// The pipeline whose current results are to stay.
    #[arg(required_unless_present_any = ["list", "remove"])]
    pub pipeline: Option<String>,
    /// Only this stage's.
    pub stage: Option<String>,
    /// What to call the pin; the pipeline's name, and the stage's, when not given.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The results that this run made or used, instead of the current ones.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// List the pins.
    #[arg(long, conflicts_with_all = ["pipeline", "stage", "name", "run", "remove"])]
    pub list: bool,
    /// Remove a pin. Its results stay until `pipe cache gc` finds that nothing else keeps them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["pipeline", "stage", "name", "run"])]
    pub remove: Option<String>,
    /// Set a parameter, as the file would: STAGE.PARAMETER=VALUE, or seed=N.
    #[arg(long = "set", value_name = "STAGE.PARAMETER=VALUE")]
    pub settings: Vec<String>,
    /// Put this profile of the file on top of it.
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// Only these points of the sweep: by name, or by some of its terms.
    #[arg(long = "point", value_name = "POINT")]
    pub points: Vec<String>,
    /// The worker; `pipe-worker` beside this program when not given.
    #[arg(long, env = "PIPE_WORKER", value_name = "FILE")]
    pub worker: Option<PathBuf>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArguments,
}

fn size(text: &str) -> Result<u64, String> {
    let bare = || text.parse().ok();
    bytes(text).or_else(bare).ok_or_else(|| "expected a number and K, M, G or T, such as 20G".to_owned())
}
