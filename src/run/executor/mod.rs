//! Executors: where an attempt at a stage runs. The dispatcher knows only what is written here.
//!
//! An executor says nothing of results: it starts a program, reports what this prints, and how it ended. Retries, the
//! check of inputs and the commit of outputs are the same for all.

pub(crate) mod choose;
pub(crate) mod handle;
pub(crate) mod local;
pub(crate) mod log;
pub(crate) mod outcome;
pub(crate) mod redact;
pub(crate) mod slurm;
pub(crate) mod spec;
#[cfg(test)]
mod suite;

use crate::error::{Result, Withdrawal};
use crate::machine::Hardware;
use contract::{Event, Failure};
use log::StageLog;
use serde::{Deserialize, Serialize};
use spec::LaunchSpec;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A place where attempts run.
pub(crate) trait Executor: Send + Sync {
    /// What [`attach`](Self::attach) finds an attempt by, known before it is submitted; `None` when attempts end with the
    /// runner.
    fn id(&self, launch: &LaunchSpec) -> Option<String>;

    /// Starts an attempt. The folders that the spec names are there.
    ///
    /// # Errors
    /// When it cannot be started; then nothing of it runs.
    fn submit(&self, launch: &LaunchSpec) -> Result<Arc<dyn Job>>;

    /// Finds an attempt again that an earlier process of the runner has submitted, or was about to, by its
    /// [`id`](Self::id). `None` when it is not known, so that it has to be submitted again.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn attach(&self, launch: &LaunchSpec, id: &str) -> Result<Option<Arc<dyn Job>>>;

    /// Whether nobody works in a checkpoint any more. What a dead runner has left there is ended where that can be done;
    /// whoever asks has the right to run the stage.
    fn is_free(&self, checkpoint: &Path) -> bool;

    /// Whether attempts go on when the runner has died.
    fn outlives_runner(&self) -> bool;
}

/// An attempt that was started.
pub(crate) trait Job: Send + Sync {
    /// Sends what the program prints, in order, until it has ended with all that it has started. Called once.
    ///
    /// # Errors
    /// When the attempt can no longer be watched; then it was ended.
    fn events(&self, log: &StageLog, send: &mut EventSink<'_>) -> Result<JobEnd>;

    /// Ends the attempt, at once or as soon as it begins. Returns without waiting, and may be called again.
    fn stop(&self);

    /// Has [`events`](Self::events) return as if it was stopped, while the attempt goes on where it outlives the runner.
    fn leave(&self) {
        self.stop();
    }
}

/// Takes an event, or gives it back while nobody has taken those before it. Then the executor reads no more of the output
/// until the event is taken, so that memory stays bounded, and goes on with all else, such as timeouts.
pub(crate) type EventSink<'a> = dyn FnMut(Event) -> Option<Event> + 'a;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobEnd {
    /// How its program ended.
    pub(crate) state: EndState,
    /// The failure that it printed.
    pub(crate) failure: Option<Failure>,
    /// Whether it printed that it is done.
    #[serde(alias = "said_done")]
    pub(crate) reported_done: bool,
    /// The most memory that it has had, in bytes, where that is known.
    pub(crate) peak_memory: Option<u64>,
    /// Where it ran, when that was not here.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// Another machine on which an attempt ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// Its name.
    pub(crate) host: String,
    /// The class of its hardware.
    pub(crate) hardware: Hardware,
    /// The GPUs that the attempt had.
    pub(crate) gpus: Vec<String>,
    /// How long the attempt ran there, without the time in a queue.
    pub(crate) ran: Duration,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EndState {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal that the executor did not send.
    Signalled(i32),
    /// By the system, which was out of memory.
    OutOfMemory,
    /// By the executor, since it took longer than it may.
    TimedOut,
    /// By the executor, since it was to stop.
    Stopped,
    /// By the cluster that it ran on.
    Withdrawn(Withdrawal),
}
