//! An attempt as a job of the cluster, and what it is told.

use crate::run::executor::slurm::files::JobFiles;
use crate::run::executor::slurm::scheduler::Scheduler;
use crate::run::executor::spec::LaunchSpec;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The attempt.
#[derive(Debug)]
pub(super) struct SlurmJob {
    /// What runs.
    pub(super) launch: LaunchSpec,
    /// By which it is followed.
    pub(super) files: JobFiles,
    /// Its number.
    pub(super) number: u64,
    /// The time from which Slurm knows it.
    pub(super) since: Instant,
    /// Who knows its state.
    pub(super) scheduler: Arc<Scheduler>,
    /// How long what a node has written may take until it is seen here.
    pub(super) latency: Duration,
    told: Mutex<Option<Told>>,
    changed: Condvar,
}

/// What the attempt was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// To end.
    Stop,
    /// To go on without being followed.
    Leave,
}

impl SlurmJob {
    /// The job of that number, which was submitted.
    pub(super) fn new(
        launch: LaunchSpec,
        files: JobFiles,
        number: u64,
        scheduler: Arc<Scheduler>,
        latency: Duration,
    ) -> Self {
        let (since, told, changed) = (Instant::now(), Mutex::default(), Condvar::new());
        Self { launch, files, number, since, scheduler, latency, told, changed }
    }

    /// What it was told.
    pub(super) fn told(&self) -> Option<Told> {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `pause`, less when it is told something that it was not told before.
    pub(super) fn sleep(&self, pause: Duration) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *told;
        drop(self.changed.wait_timeout_while(told, pause, |now| *now == before));
    }

    /// Tells it something.
    pub(super) fn tell(&self, what: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        self.changed.notify_all();
    }
}
