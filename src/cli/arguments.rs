//! The command line.

mod cache;
mod compare;
mod export;
mod peek;
mod reproducing;
mod tokenize;

pub use cache::{
    CacheArguments, CacheCommand, ExportArguments, GcArguments, LsArguments, PathArguments, PinArguments,
    StoreArguments, VerifyArguments,
};

pub use compare::{CompareArguments, DiffArguments};
pub use export::{ExportCommand, ExportModelArguments, MergedArguments};
pub use peek::PeekArguments;
pub use reproducing::{LockArguments, ReproduceArguments};
pub use tokenize::TokenizeArguments;

use crate::cli::candidates;
use crate::plan::Wishes;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use std::path::PathBuf;

/// Turns a paper into a program that anyone can run, vary and trust.
#[derive(Debug, Parser)]
#[command(name = "pipe", version, about, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `pipe completions --help` says.
const COMPLETIONS: &str = "\
Print the script with which a shell completes commands, pipelines and stages.

For bash, add this line to ~/.bashrc:

    source <(pipe completions bash)

For zsh, after `compinit`, the same with zsh in ~/.zshrc. For fish:

    pipe completions fish > ~/.config/fish/completions/pipe.fish

For elvish, `eval (pipe completions elvish | slurp)` in ~/.elvish/rc.elv. For PowerShell,
`pipe completions powershell | Out-String | Invoke-Expression` in $PROFILE.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the stages that are not cached, then print the metrics.
    Run(RunArguments),
    /// Say what would run, and why; run nothing.
    Plan(PlanArguments),
    /// Write the pipeline's lock: what every stage is made of and led to, as a text file for git.
    Lock(LockArguments),
    /// Run again in an empty store, and say whether every stage made the same.
    Reproduce(ReproduceArguments),
    /// Print the metrics of a pipeline again.
    Metrics(MetricsArguments),
    /// Put results side by side: the points of a pipeline, runs, pipelines, the paper.
    Compare(CompareArguments),
    /// Say what differs between two runs, and what that did to the metrics.
    Diff(DiffArguments),
    /// Give codes to items that were not there at training, from their embedding or their text.
    Tokenize(TokenizeArguments),
    /// Print a part of what is in a stage's result: samples as text, rows of tables, reports.
    Peek(PeekArguments),
    /// Write a result in the form that other programs want.
    Export(ExportModelArguments),
    /// Draw the graph of a pipeline: what uses what, and what would run.
    Graph(GraphArguments),
    /// Say why a stage would run, or would not: what changed, and where that comes from.
    Why(WhyArguments),
    /// List the runs, newest first. A run in which every stage was cached is not recorded.
    Runs(RunsArguments),
    /// Show a run: what was asked for, and what became of each stage.
    Show(ShowArguments),
    /// Print what the stages of a run said.
    Logs(LogsArguments),
    /// Say what was found of all that pipe needs: worker, libtorch, CUDA, store, machine.
    Doctor(DoctorArguments),
    /// Print the script with which a shell completes commands, pipelines and stages.
    #[command(long_about = COMPLETIONS)]
    Completions(CompletionsArguments),
    /// Print the manual page, or write all of them to a folder.
    Man(ManArguments),
    /// Look after the store: list, check, tidy, copy.
    Cache(CacheArguments),
    /// Keep results whatever `pipe cache gc` is told.
    Pin(PinArguments),
    /// Run a program that ends when `pipe` does.
    #[command(hide = true)]
    Supervise(crate::run::Supervised),
}

/// Which pipeline, with which settings, and where its results are.
#[derive(Clone, Debug, Args)]
pub struct PipelineArguments {
    /// The pipeline: a path, or the name of a file in a folder `pipelines` here or above.
    #[arg(add = ArgValueCompleter::new(candidates::pipelines))]
    pub pipeline: String,
    /// Set a parameter, as the file would: STAGE.PARAMETER=VALUE, or seed=N.
    #[arg(long = "set", value_name = "STAGE.PARAMETER=VALUE")]
    pub settings: Vec<String>,
    /// Put this profile of the file on top of it; several go in their order.
    #[arg(long = "profile", value_name = "NAME", add = ArgValueCandidates::new(candidates::profiles))]
    pub profiles: Vec<String>,
    /// Only these points of the sweep: by name, or by some of its terms, such as seed=1.
    #[arg(long = "point", value_name = "POINT", add = ArgValueCandidates::new(candidates::points))]
    pub points: Vec<String>,
    /// The store; `artifacts` in the project's folder when not given.
    #[arg(long, env = "PIPE_STORE", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
    /// The worker; `pipe-worker` beside this program when not given.
    #[arg(long, env = "PIPE_WORKER", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub worker: Option<PathBuf>,
    /// What stages may share, when not the whole machine: gpus=N,threads=N,memory=NG.
    #[arg(long, env = "PIPE_SLOTS", value_name = "AMOUNTS")]
    pub slots: Option<String>,
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// Which stages are meant.
#[derive(Debug, Args)]
pub struct SelectionArguments {
    /// Run this stage and all that follow it again.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(candidates::stages))]
    pub from: Option<String>,
    /// Go no further than this stage.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(candidates::stages))]
    pub until: Option<String>,
    /// Run nothing but this stage; what it needs must have results.
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["from", "until"])]
    #[arg(add = ArgValueCandidates::new(candidates::stages))]
    pub only: Option<String>,
    /// Run this stage even if its result is there; without a name, all of them.
    #[arg(long, value_name = "STAGE", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    #[arg(add = ArgValueCandidates::new(candidates::stages))]
    pub force: Vec<String>,
}

impl SelectionArguments {
    /// The same for the planner.
    pub fn wishes(&self) -> Wishes {
        Wishes {
            from: self.from.clone(),
            until: self.until.clone(),
            only: self.only.clone(),
            force: self.force.clone(),
        }
    }
}

/// `pipe run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Which stages.
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Only say what would run, as `pipe plan`.
    #[arg(long)]
    pub dry_run: bool,
    /// Run nothing unless every stage is what the pipeline's lock says.
    #[arg(long)]
    pub locked: bool,
    /// After a failure, still run the stages that do not depend on it.
    #[arg(long)]
    pub keep_going: bool,
    /// How many stages may run at once; as many as the machine has threads when not given.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// The device for stages that name none: auto, cpu or cuda.
    #[arg(long, default_value = "auto", value_parser = ["auto", "cpu", "cuda"])]
    pub device: String,
}

/// `pipe plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Which stages.
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Fail when a stage is not what the pipeline's lock says.
    #[arg(long)]
    pub locked: bool,
}

/// `pipe metrics`.
#[derive(Debug, Args)]
pub struct MetricsArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// Another table of the metrics, such as intervals or by_length.
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
}

/// `pipe graph`.
#[derive(Debug, Args)]
pub struct GraphArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// How it is drawn: for a terminal, for Graphviz, for Mermaid, or as a picture.
    #[arg(long, value_enum, default_value_t = GraphFormat::Text, conflicts_with = "json")]
    pub format: GraphFormat,
}

/// The forms that a graph can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Rows and lanes for a terminal.
    Text,
    /// The language of Graphviz.
    Dot,
    /// The language of Mermaid, for Markdown.
    Mermaid,
    /// A picture for browsers and documents.
    Svg,
}

/// `pipe why`.
#[derive(Debug, Args)]
pub struct WhyArguments {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArguments,
    /// The stage.
    #[arg(add = ArgValueCandidates::new(candidates::stages))]
    pub stage: String,
    /// Compare with this run instead of the newest result: a run's name or its beginning, latest, or latest~N.
    #[arg(long, value_name = "RUN", add = ArgValueCandidates::new(candidates::runs))]
    pub against: Option<String>,
}

/// `pipe runs`.
#[derive(Debug, Args)]
pub struct RunsArguments {
    /// Where the runs are.
    #[command(flatten)]
    pub store: StoreArguments,
    /// Only runs of the pipeline of this name.
    #[arg(long, value_name = "PIPELINE", add = ArgValueCompleter::new(candidates::pipelines))]
    pub pipeline: Option<String>,
    /// Only the newest N.
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
}

/// `pipe show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// Where the runs are.
    #[command(flatten)]
    pub store: StoreArguments,
    /// The run: its name or a beginning of it, latest, or latest~N.
    #[arg(add = ArgValueCandidates::new(candidates::runs))]
    pub run: String,
}

/// `pipe logs`.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// Where the runs are.
    #[command(flatten)]
    pub store: StoreArguments,
    /// The run: its name or a beginning of it, latest, or latest~N; the latest when not given. Or a stage of the latest.
    #[arg(add = ArgValueCandidates::new(candidates::runs))]
    pub run: Option<String>,
    /// The stage; all when not given.
    #[arg(add = ArgValueCandidates::new(candidates::logged))]
    pub stage: Option<String>,
    /// Go on while the run is alive.
    #[arg(short, long)]
    pub follow: bool,
}

/// `pipe doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The store; `artifacts` in the project's folder when not given.
    #[arg(long, env = "PIPE_STORE", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
    /// The worker; `pipe-worker` beside this program when not given.
    #[arg(long, env = "PIPE_WORKER", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub worker: Option<PathBuf>,
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// `pipe completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell.
    #[arg(value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    pub shell: String,
}

/// `pipe man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// Write pipe.1 and a page for each command to this folder.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}
