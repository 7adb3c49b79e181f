//! Where stages run, and what is passed to a cluster for them. Nothing here is in a key.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which executor runs a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ExecutorKind {
    /// Processes of this machine.
    #[default]
    Local,
    /// Jobs of a Slurm cluster.
    Slurm,
}

impl ExecutorKind {
    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Slurm => "slurm",
        }
    }

    /// All of them.
    pub const ALL: [Self; 2] = [Self::Local, Self::Slurm];
}

/// What a job asks a cluster for, beside threads, memory and GPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResources {
    /// How long the job may run (`--time`).
    pub time: Option<Duration>,
    /// The partition (`--partition`).
    pub partition: Option<String>,
    /// The account (`--account`).
    pub account: Option<String>,
    /// Features that the node must have (`--constraint`).
    pub constraint: Option<String>,
    /// Generic resources (`--gres`), in place of `gpu:N` for `gpus = N`.
    pub gres: Option<String>,
    /// More arguments of the submission.
    pub extra: Option<Vec<String>>,
}

impl JobResources {
    /// These, and those of `below` for what is not set here.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            time: self.time.or(below.time),
            partition: self.partition.clone().or_else(|| below.partition.clone()),
            account: self.account.clone().or_else(|| below.account.clone()),
            constraint: self.constraint.clone().or_else(|| below.constraint.clone()),
            gres: self.gres.clone().or_else(|| below.gres.clone()),
            extra: self.extra.clone().or_else(|| below.extra.clone()),
        }
    }
}

/// What `[slurm]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlurmEntry {
    /// What every job asks for, unless its stage says otherwise.
    pub resources: JobResources,
    /// How many jobs of a run may be in the queue at once, waiting or running.
    pub jobs: Option<usize>,
    /// How often the cluster is asked for the states of jobs.
    pub poll: Option<Duration>,
    /// How often an attempt is submitted again that the cluster has ended: preempted, or on a node that failed.
    pub resubmit: Option<usize>,
    /// How long what a node has written may take until it is seen here.
    pub latency: Option<Duration>,
}

impl SlurmEntry {
    /// These, and those of `below` for what is not set here.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            resources: self.resources.over(&below.resources),
            jobs: self.jobs.or(below.jobs),
            poll: self.poll.or(below.poll),
            resubmit: self.resubmit.or(below.resubmit),
            latency: self.latency.or(below.latency),
        }
    }
}
