//! The end of a worker whose runner has gone.

use crate::ending;
use contract::{Failure, Result};
use std::io::{copy, sink, stdin};
use std::os::unix::process::parent_id;
use std::thread;
use std::time::Duration;

/// The exit code when the standard input closed during the work.
pub(crate) const ALONE: i32 = 29;

/// Watches the standard input and ends the process as soon as it closes, so that no work goes on that nobody waits
/// for, whichever way the runner ended.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn exit_when_alone() -> Result<()> {
    let watch = || {
        // An unreadable input is a closed one.
        drop(copy(&mut stdin(), &mut sink()));
        // Nothing is torn down: the stage is at work in another thread, and would fail over what is gone and report that.
        ending::at_once(ALONE)
    };
    let started = thread::Builder::new().name("runner-watch".to_owned()).spawn(watch);
    started.map(drop).map_err(|error| Failure::other("watch the runner", error))
}

/// Ends the process soon after the one that started it has ended: `mpirun`, or its part on another machine.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn exit_with_parent() -> Result<()> {
    const PAUSE: Duration = Duration::from_secs(1);
    let parent = parent_id();
    let watch = move || {
        while parent_id() == parent {
            thread::sleep(PAUSE);
        }
        ending::at_once(ALONE)
    };
    let started = thread::Builder::new().name("mpirun-watch".to_owned()).spawn(watch);
    started.map(drop).map_err(|error| Failure::other("watch mpirun", error))
}
