//! The end of a worker whose runner has gone.

use contract::{Failure, Result};
use std::io::{copy, sink, stdin};
use std::thread;

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
        #[expect(clippy::exit, reason = "the stage is at work in another thread and cannot be asked to stop")]
        std::process::exit(ALONE)
    };
    let started = thread::Builder::new().name("runner-watch".to_owned()).spawn(watch);
    started.map(drop).map_err(|error| Failure::other("watch the runner", error))
}
