//! The hold on a running process: how the dispatcher ends it, and why it was ended.

use rustix::process::{Pid, Signal, kill_process_group};
use std::process::ChildStdin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a process may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a process was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The run stops.
    Stopped,
    /// It took longer than it may.
    TimedOut,
}

/// The hold on one stage's process. Letting go of its input tells it to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    grip: Mutex<Grip>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Grip {
    /// The input of the process, while it is to go on.
    stdin: Option<ChildStdin>,
    /// The process, while it is there. It leads a group of its own.
    process: Option<Pid>,
    ended: Option<Ended>,
}

impl Hold {
    /// Ends the stage: now, or as soon as it begins.
    pub(crate) fn stop(&self) {
        self.end(Ended::Stopped);
    }

    /// Whether the stage is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.grip().ended == Some(Ended::Stopped)
    }

    /// Takes hold of a process that has just begun, and ends it when `limit` has passed. Lets go at once when the stage is
    /// to end.
    pub(crate) fn take(&self, stdin: Option<ChildStdin>, process: u32, limit: Option<Duration>) {
        let mut grip = self.grip();
        grip.process = i32::try_from(process).ok().and_then(Pid::from_raw);
        if grip.ended.is_some() {
            drop(stdin);
            self.watch(PATIENCE, Self::kill);
            return;
        }
        grip.stdin = stdin;
        drop(grip);
        if let Some(limit) = limit {
            self.watch(limit, |hold| hold.end(Ended::TimedOut));
        }
    }

    /// Lets go of a process that has ended but is not reaped yet, and ends what it has left behind. Says whether, and
    /// why, it was made to end.
    pub(crate) fn let_go(&self) -> Option<Ended> {
        self.kill();
        let mut grip = self.grip();
        grip.process = None;
        grip.stdin = None;
        self.0.changed.notify_all();
        match grip.ended {
            Some(Ended::TimedOut) => grip.ended.take(),
            ended => ended,
        }
    }

    /// Waits for `pause`, less when the stage is to end.
    pub(crate) fn sleep(&self, pause: Duration) {
        let (_grip, _) = self
            .0
            .changed
            .wait_timeout_while(self.grip(), pause, |grip| grip.ended.is_none())
            .unwrap_or_else(PoisonError::into_inner);
    }

    fn end(&self, ended: Ended) {
        let mut grip = self.grip();
        if grip.ended.is_none() {
            grip.ended = Some(ended);
        }
        grip.stdin = None;
        let runs = grip.process.is_some();
        drop(grip);
        self.0.changed.notify_all();
        if runs {
            self.watch(PATIENCE, Self::kill);
        }
    }

    /// Does `then` when the same process is still there after `pause`.
    fn watch(&self, pause: Duration, then: impl FnOnce(&Self) + Send + 'static) {
        let hold = self.clone();
        std::thread::spawn(move || {
            let watched = hold.grip().process;
            let until = Instant::now() + pause;
            let mut grip = hold.grip();
            while grip.process.is_some() && grip.process == watched {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    drop(grip);
                    then(&hold);
                    return;
                }
                grip = hold.0.changed.wait_timeout(grip, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        });
    }

    /// Ends what a process that is gone has left running.
    pub(crate) fn end_what_is_left(&self) {
        self.kill();
    }

    /// Ends the process and all that it has started.
    fn kill(&self) {
        if let Some(process) = self.grip().process {
            kill_process_group(process, Signal::KILL).ok();
        }
    }

    fn grip(&self) -> std::sync::MutexGuard<'_, Grip> {
        self.0.grip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
