//! How a run is to go.

use crate::pipeline::SlurmEntry;
use crate::store::RunLabel;
use std::path::PathBuf;

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The worker.
    pub worker: PathBuf,
    /// This program, which supervises the processes of commands.
    pub supervisor: PathBuf,
    /// How many stages may run at once on this machine.
    pub jobs: usize,
    /// How many jobs may be in the queue of a cluster at once.
    pub cluster_jobs: usize,
    /// What the pipeline says of Slurm.
    pub slurm: SlurmEntry,
    /// Whether jobs of a cluster go on when the user asks for an end.
    pub detach: bool,
    /// Whether stages that do not depend on a failed one still run.
    pub keep_going: bool,
    /// The device for stages that name none.
    pub device: String,
    /// The arguments of the command line, for the record.
    pub arguments: Vec<String>,
    /// What the user calls the run.
    pub label: RunLabel,
    /// The folder of the pipeline file, whose commit is recorded.
    pub project: PathBuf,
}
