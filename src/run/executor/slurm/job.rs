//! An attempt as a job of the cluster, and what is requested of it.

use crate::run::executor::slurm::files::JobFiles;
use crate::run::executor::slurm::id::JobId;
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
    pub(super) number: JobId,
    /// The time from which Slurm knows it.
    pub(super) since: Instant,
    /// Who knows its state.
    pub(super) scheduler: Arc<Scheduler>,
    /// How long what a node has written may take until it is seen here.
    pub(super) latency: Duration,
    requested: Mutex<Option<JobRequest>>,
    changed: Condvar,
}

/// What is requested of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobRequest {
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
        number: JobId,
        scheduler: Arc<Scheduler>,
        latency: Duration,
    ) -> Self {
        let (since, requested, changed) = (Instant::now(), Mutex::default(), Condvar::new());
        Self { launch, files, number, since, scheduler, latency, requested, changed }
    }

    /// What was requested of it last.
    pub(super) fn requested(&self) -> Option<JobRequest> {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `pause`, less when something new is requested of it.
    pub(super) fn sleep(&self, pause: Duration) {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *requested;
        drop(self.changed.wait_timeout_while(requested, pause, |now| *now == before));
    }

    /// Requests something of it.
    pub(super) fn request(&self, request: JobRequest) {
        *self.requested.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        self.changed.notify_all();
    }
}
