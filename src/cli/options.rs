//! Options that several commands share. A command flattens the ones that it takes.

use crate::cli::completion;
use crate::error::{Error, Result};
use crate::pipeline::{self, ExecutorKind, value_of_argument};
use crate::plan::SelectionOptions;
use crate::store::Store;
use crate::terminal::{Steps, print};
use clap::{Args, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// A pipeline, how it is varied, and where its results are.
#[derive(Clone, Debug, Args)]
pub(crate) struct PipelineArguments {
    /// The pipeline: a path, or the name of a file in a folder `pipelines` here or above.
    #[arg(add = ArgValueCompleter::new(completion::pipelines))]
    pub(super) pipeline: String,
    #[command(flatten)]
    pub(super) variant: VariantArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    /// Resource limits for the stages that run at once: gpus=N,threads=N,memory=NG; the whole machine by default.
    #[arg(long, hide_short_help = true, env = "PIPE_SLOTS", value_name = "AMOUNTS")]
    pub(super) slots: Option<String>,
    /// Run all stages there, whatever the pipeline says: on this machine, or as jobs of a Slurm cluster.
    #[arg(long, hide_short_help = true, env = "PIPE_EXECUTOR", value_name = "EXECUTOR")]
    pub(super) executor: Option<ExecutorKind>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// What a command changes in a pipeline, and which points of its sweep it takes.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct VariantArguments {
    /// Set a parameter, as the file would: STAGE.PARAMETER=VALUE, or seed=N.
    #[arg(long = "set", value_name = "STAGE.PARAMETER=VALUE")]
    pub(super) settings: Vec<String>,
    /// Apply this profile of the file; later profiles override earlier ones.
    #[arg(long = "profile", value_name = "NAME", add = ArgValueCandidates::new(completion::profiles))]
    pub(super) profiles: Vec<String>,
    /// Only these points of the sweep: by name, or by some of its terms, such as seed=1.
    #[arg(long = "point", value_name = "POINT", add = ArgValueCandidates::new(completion::points))]
    pub(super) points: Vec<String>,
}

/// Which stages are run.
#[derive(Debug, Default, Args)]
pub(crate) struct SelectionArguments {
    /// Run this stage and all stages after it again.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) from: Option<String>,
    /// Go no further than this stage.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) until: Option<String>,
    /// Run nothing but this stage; the stages before it must be cached.
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["from", "until"])]
    #[arg(add = ArgValueCandidates::new(completion::stages))]
    pub(super) only: Option<String>,
    /// Run this stage even if it is cached: --force STAGE, or --force for all stages.
    #[arg(long, value_name = "STAGE", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    #[arg(add = ArgValueCandidates::new(completion::stages))]
    pub(super) force: Vec<String>,
}

/// How stages are run.
#[derive(Debug, Args)]
pub(crate) struct ExecutionArguments {
    /// How many stages may run at once; by default as many as the machine has threads, and 100 jobs of a cluster.
    #[arg(short, long, hide_short_help = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// The device for stages that name none: auto, cpu or cuda.
    #[arg(long, hide_short_help = true, default_value = "auto", value_parser = ["auto", "cpu", "cuda"])]
    pub(super) device: String,
}

/// The store.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArguments {
    /// The store; by default `artifacts` in the project's folder.
    #[arg(long, hide_short_help = true, env = "PIPE_STORE", value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(super) store: Option<PathBuf>,
}

/// Where results are shared.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RemoteArguments {
    /// Share results there, whatever the file says: s3://BUCKET/PREFIX, gs://, az:// or file:///FOLDER; empty for nowhere.
    #[arg(long, hide_short_help = true, env = "PIPE_REMOTE", value_name = "URL")]
    pub(super) remote: Option<String>,
    /// Whether results are taken from the remote, given to it, or both: read, write or read-write.
    #[arg(long, hide_short_help = true, env = "PIPE_REMOTE_MODE", value_name = "MODE")]
    #[arg(value_parser = ["read", "write", "read-write"])]
    pub(super) remote_mode: Option<String>,
}

/// The worker.
#[derive(Clone, Debug, Args)]
pub(crate) struct WorkerArguments {
    /// The worker; by default `pipe-worker` beside this program.
    #[arg(long, hide_short_help = true, env = "PIPE_WORKER", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) worker: Option<PathBuf>,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct OutputArguments {
    /// Write JSON instead of text.
    #[arg(long, hide_short_help = true)]
    pub(super) json: bool,
}

impl SelectionArguments {
    /// The same for the planner.
    pub(super) fn options(&self) -> SelectionOptions {
        SelectionOptions {
            from: self.from.clone(),
            until: self.until.clone(),
            only: self.only.clone(),
            force: self.force.clone(),
        }
    }
}

impl StoreArguments {
    /// The folder of the store, or where it would be.
    pub(super) fn folder(&self) -> Result<PathBuf> {
        match &self.store {
            Some(folder) => Ok(folder.clone()),
            None => Ok(pipeline::project()?.join("artifacts")),
        }
    }

    /// The store, which must exist.
    pub(super) fn open(&self) -> Result<Store> {
        let folder = self.folder()?;
        if folder.join("actions").is_dir() {
            return Ok(Store::new(folder));
        }
        Err(Error::NoResults(format!(
            "there is no store at {}; `pipe run` makes one, and --store or PIPE_STORE names another",
            folder.display()
        )))
    }
}

impl StoreArguments {
    /// The store, which must exist, with the progress of `command` on standard error.
    pub(super) fn open_watched(&self, command: &'static str) -> Result<Store> {
        Ok(self.open()?.watched(Arc::new(Steps::new(command))))
    }
}

impl OutputArguments {
    /// Prints one value: as a line of JSON, or as text.
    pub(super) fn print(self, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) {
        print(&if self.json { format!("{}\n", json()) } else { text() });
    }
}

/// The parameters of `ingest` that `--set PARAMETER=VALUE` gives.
pub(super) fn ingest_parameters(settings: &[String]) -> Result<Map<String, Value>> {
    let parameter = |setting: &String| {
        let (name, value) = setting.split_once('=').ok_or_else(|| Error::Usage {
            message: format!("--set {setting}: expected PARAMETER=VALUE"),
            hint: Some("for example --set min_rating=4".to_owned()),
        })?;
        Ok((name.trim().to_owned(), value_of_argument(value)))
    };
    settings.iter().map(parameter).collect()
}
