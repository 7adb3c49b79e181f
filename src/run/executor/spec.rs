//! What an executor is to run: plain data that can be written to a file and read on another machine.

use crate::key::StageName;
use crate::pipeline::JobResources;
use contract::Spec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// One attempt at one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LaunchSpec {
    /// A name that no other attempt has. Every process of the attempt finds it in the variable [`ATTEMPT`].
    pub(crate) id: String,
    /// The stage, for messages.
    pub(crate) stage: StageName,
    /// What to run.
    pub(crate) program: LaunchProgram,
    /// The folder to run in. It is there, with all that the program expects in it.
    pub(crate) folder: PathBuf,
    /// Paths outside the folder that the program reads.
    pub(crate) inputs: Vec<PathBuf>,
    /// The folders that the program writes its outputs to, by port. They are there and empty.
    pub(crate) outputs: BTreeMap<String, PathBuf>,
    /// A folder that outlives the attempt.
    pub(crate) checkpoint: Option<PathBuf>,
    /// The whole environment of the program but for its secrets.
    pub(crate) environment: BTreeMap<String, OsString>,
    /// The names of variables that the program gets from the user's environment, and whose values are never written down.
    pub(crate) secrets: Vec<String>,
    /// What it may use of the machine.
    pub(crate) resources: LaunchResources,
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
    /// The file that what it prints is added to.
    pub(crate) log: PathBuf,
}

/// The variable with the attempt's name.
pub(crate) const ATTEMPT: &str = "PIPE_ATTEMPT";

/// The program that starts the ranks of a stage: that of Open MPI.
pub(crate) const MPIRUN: &str = "mpirun";

/// What does the work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum LaunchProgram {
    /// A stage of the worker. It prints events; only `done` with exit code 0 is success.
    Worker {
        /// The worker.
        worker: PathBuf,
        /// Its instructions.
        spec: Box<Spec>,
    },
    /// A program of the user's. Exit code 0 is success; lines that are events count as such.
    Command {
        /// The program and its arguments.
        arguments: Vec<String>,
    },
}

/// What an attempt may use of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaunchResources {
    /// How many processes run it together.
    pub(crate) ranks: usize,
    /// Threads of each of them.
    pub(crate) threads: usize,
    /// Bytes of memory; 0 where nothing is reserved.
    pub(crate) memory: u64,
    /// The GPUs that are its own.
    pub(crate) gpus: Vec<String>,
    /// How many GPUs it asks for where a cluster chooses them.
    pub(crate) gpu_count: usize,
    /// What its job asks a cluster for besides.
    pub(crate) job: JobResources,
}

impl LaunchSpec {
    /// The values of the secrets, by name, as they are in the environment of this process.
    pub(crate) fn secret_values(&self) -> Vec<(&str, OsString)> {
        self.secrets.iter().filter_map(|name| Some((name.as_str(), std::env::var_os(name)?))).collect()
    }

    /// Whether the program has to report that it is done.
    pub(crate) fn reports_done(&self) -> bool {
        matches!(self.program, LaunchProgram::Worker { .. })
    }
}
