//! The form of a pipeline: its name, its seed, and its stages with their settings and bindings.

use crate::key::{InputName, PortName, StageName};
use crate::pipeline::executor::{ExecutorKind, JobResources, SlurmEntry};
use crate::pipeline::number::Number;
use crate::pipeline::search::Search;
use crate::pipeline::sweep::Sweep;
use crate::source::{Place, Placed};
use std::time::Duration;

/// A pipeline file, read.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name, which also names its folder in the store.
    pub name: String,
    /// The seed of all its stages.
    pub seed: u64,
    /// Its stages, in the order of the file.
    pub stages: Vec<StageEntry>,
    /// How it varies.
    pub sweep: Option<Sweep>,
    /// By what one of the points is chosen, where they are the trials of a search.
    pub search: Option<Search>,
    /// How `pipe compare` shows its results.
    pub compare: Option<Compare>,
    /// What it says of Slurm.
    pub slurm: SlurmEntry,
    /// Where results are shared. No part of any key.
    pub remote: Option<RemoteEntry>,
}

/// What `[remote]` says: a place where several machines share results.
#[derive(Clone, Debug)]
pub struct RemoteEntry {
    /// Where it is, such as `s3://bucket/prefix`.
    pub url: String,
    /// What this pipeline does with it.
    pub mode: RemoteMode,
}

/// What is done with a remote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RemoteMode {
    /// Results are taken from it.
    Read,
    /// Results are given to it.
    Write,
    /// Both.
    #[default]
    ReadWrite,
}

impl RemoteMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::ReadWrite];

    /// Its name in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read-write",
        }
    }
}

/// What `[compare]` says of a comparison of the results.
#[derive(Clone, Debug, Default)]
pub struct Compare {
    /// The table of `paper.toml` that is shown beside the results.
    pub paper: Option<String>,
    /// The point that the others are compared with.
    pub reference: Option<String>,
    /// The metrics that are shown.
    pub metrics: Vec<String>,
    /// What differs from the table of the paper, as text.
    pub differs: Vec<String>,
    /// Parameters, `STAGE.PARAMETER`, over whose values means are taken, as over seeds.
    pub mean_over: Vec<String>,
    /// Numbers beside the metrics: a name, and where in which output the number stands.
    pub columns: Vec<(String, Number)>,
}

/// One `[stage.NAME]` of a pipeline.
#[derive(Clone, Debug)]
pub struct StageEntry {
    /// Its name in this pipeline.
    pub name: StageName,
    /// Where the name stands.
    pub place: Place,
    /// What the stage is, such as `ingest`.
    pub uses: Placed<String>,
    /// Its own seed, if it has one.
    pub seed: Option<u64>,
    /// What enters, from other stages.
    pub inputs: Vec<Binding>,
    /// Parameters, and paths for ports that take one.
    pub settings: Vec<Setting>,
    /// What it needs of the machine.
    pub resources: Resources,
    /// How often it is tried again after a failure that may pass.
    pub retries: usize,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Where it runs.
    pub executor: ExecutorKind,
    /// The program, for a stage that is one.
    pub command: Option<CommandEntry>,
}

/// What a stage with `uses = "command"` says of its program. Its parameters are the stage's settings.
#[derive(Clone, Debug, Default)]
pub struct CommandEntry {
    /// The program and its arguments.
    pub arguments: Vec<Placed<String>>,
    /// The external inputs that it reads, by name.
    pub files: Vec<(Placed<String>, Placed<String>)>,
    /// Its outputs and their kinds, by name.
    pub outputs: Vec<(Placed<String>, Placed<String>)>,
    /// By how much numbers in an output may differ when it is made again, by output. No part of any key.
    pub tolerances: Vec<(Placed<String>, f64)>,
    /// Variables of its environment, by name.
    pub environment: Vec<(Placed<String>, Placed<String>)>,
    /// Variables that it gets from the user's environment and that are never written down.
    pub secrets: Vec<Placed<String>>,
}

/// An output of a stage, bound to an input of another.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Where it enters.
    pub input_name: InputName,
    /// Where the input's name stands.
    pub place: Place,
    /// The stage that it comes from, and where that stands.
    pub stage: Placed<StageName>,
    /// The output of that stage.
    pub output: PortName,
}

/// A `key = value` of a stage.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key and where it stands.
    pub key: Placed<String>,
    /// The value and where it stands.
    pub value: Placed<serde_json::Value>,
}

/// What a stage needs of the machine. It decides where and when a stage runs, never what its result is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// GPUs.
    pub gpus: usize,
    /// Threads; what the stage declares where absent.
    pub threads: Option<usize>,
    /// How many processes run the stage together; one for each GPU, or one, where absent.
    pub ranks: Option<usize>,
    /// Bytes of memory.
    pub memory: u64,
    /// `auto`, `cpu` or `cuda`.
    pub device: Option<String>,
    /// What a job of a cluster asks for besides.
    pub job: JobResources,
}
