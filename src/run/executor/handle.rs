//! The handle on one running stage, by which the dispatcher ends it whichever attempt is on.

use crate::run::executor::Job;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The handle. Clones are handles on the same stage.
#[derive(Clone, Default)]
pub(crate) struct StageHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    job: Option<Arc<dyn Job>>,
    is_stopped: bool,
    /// Whether the attempt goes on where it outlives the runner.
    is_left: bool,
}

impl StageHandle {
    /// Ends the stage: now, or as soon as it begins.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        let job = state.job.clone();
        drop(state);
        self.0.changed.notify_all();
        job.iter().for_each(|job| job.stop());
    }

    /// Ends the watch over the stage, and the stage where it does not outlive the runner.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        (state.is_stopped, state.is_left) = (true, true);
        let job = state.job.clone();
        drop(state);
        self.0.changed.notify_all();
        job.iter().for_each(|job| job.leave());
    }

    /// Whether the attempt at the stage goes on without the runner, where it can.
    pub(crate) fn is_left(&self) -> bool {
        self.state().is_left
    }

    /// Whether the stage is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// The attempt that is on from now.
    pub(crate) fn set(&self, job: Option<Arc<dyn Job>>) {
        let mut state = self.state();
        state.job = job;
        if state.is_left {
            state.job.iter().for_each(|job| job.leave());
        } else if state.is_stopped {
            state.job.iter().for_each(|job| job.stop());
        }
    }

    /// Waits for `pause`, less when the stage is to end.
    pub(crate) fn sleep(&self, pause: Duration) {
        let waited = self.0.changed.wait_timeout_while(self.state(), pause, |state| !state.is_stopped);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
