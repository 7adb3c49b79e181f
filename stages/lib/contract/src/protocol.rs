//! What the runner and the worker say to each other: one spec in, a line of JSON an event out.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One run of one stage: all that the worker is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The stage's name in the worker, such as `ingest`.
    pub uses: String,
    /// The parameters, defaults filled in.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// For each bound port, the path behind each label; a port that takes one artifact has the label `""`.
    pub inputs: BTreeMap<String, BTreeMap<String, PathBuf>>,
    /// For each output port, an empty folder to write to.
    pub outputs: BTreeMap<String, PathBuf>,
    /// The seed of everything random.
    pub seed: u64,
    /// How many threads to use.
    pub threads: usize,
    /// `auto`, `cpu` or `cuda`.
    pub device: String,
    /// Which of the processes that run the stage together this one is.
    #[serde(default)]
    pub rank: Rank,
    /// A folder that outlives this attempt, for a stage that can go on where an earlier attempt was stopped.
    #[serde(default)]
    pub checkpoint: Option<PathBuf>,
}

/// One of the processes that run a stage together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rank {
    /// Its number, from 0.
    pub number: usize,
    /// How many there are.
    pub count: usize,
}

impl Rank {
    /// The first of so many.
    #[must_use]
    pub fn first_of(count: usize) -> Self {
        Self { number: 0, count }
    }
}

/// A process that runs the stage by itself.
impl Default for Rank {
    fn default() -> Self {
        Self::first_of(1)
    }
}

/// What a worker says while it runs a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// How far it is.
    Progress {
        /// Steps done.
        done: u64,
        /// Steps in all, 0 when that is not known.
        total: u64,
        /// What a step is, and what is worth saying beside it, such as the loss.
        message: String,
    },
    /// A line for people.
    Log {
        /// The line.
        message: String,
    },
    /// The stage failed.
    Failed {
        /// How.
        failure: Failure,
    },
    /// The stage has written all of its outputs.
    Done,
}
