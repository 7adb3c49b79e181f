//! The arguments of `pipe compare` and `pipe diff`.

use crate::cli::arguments::StoreArguments;
use crate::cli::candidates;
use clap::{ArgGroup, Args, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use std::path::PathBuf;

/// `pipe compare`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("format").args(["json", "csv", "markdown", "latex"]))]
pub struct CompareArguments {
    /// A pipeline with its points, or a run: run:NAME, latest or latest~N.
    #[arg(required = true, add = ArgValueCompleter::new(candidates::pipelines))]
    pub what: Vec<String>,
    /// What the others are held against; the first when not given.
    #[arg(long, value_name = "POINT")]
    pub baseline: Option<String>,
    /// Only these metrics; all that vary when not given.
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    pub metric: Vec<String>,
    /// Only rows with this text in this column.
    #[arg(long = "where", value_name = "COLUMN=TEXT")]
    pub rows: Vec<String>,
    /// Put this table of pipelines/paper.toml beside it.
    #[arg(long, value_name = "TABLE")]
    pub paper: Option<String>,
    /// Put this profile of the pipelines on top; several apply in their order.
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// Only this point, or the points with these terms in their name.
    #[arg(long = "point", value_name = "POINT")]
    pub points: Vec<String>,
    /// Set a parameter, as the file would: STAGE.PARAMETER=VALUE, or seed=N.
    #[arg(long = "set", value_name = "STAGE.PARAMETER=VALUE")]
    pub settings: Vec<String>,
    /// The store; `artifacts` in the project's folder when not given.
    #[arg(long, env = "PIPE_STORE", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
    /// The worker; `pipe-worker` beside this program when not given.
    #[arg(long, env = "PIPE_WORKER", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub worker: Option<PathBuf>,
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    pub json: bool,
    /// Write comma-separated values.
    #[arg(long)]
    pub csv: bool,
    /// Write a table of Markdown.
    #[arg(long)]
    pub markdown: bool,
    /// Write a table of LaTeX.
    #[arg(long)]
    pub latex: bool,
}

/// `pipe diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// Where the runs are.
    #[command(flatten)]
    pub store: StoreArguments,
    /// The earlier run: its name or a beginning of it, latest, or latest~N.
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(candidates::runs))]
    pub old: String,
    /// The later run.
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(candidates::runs))]
    pub new: String,
}
