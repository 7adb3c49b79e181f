//! What stands between `pipe` and a user's program, so that the program never outlives the run.
//!
//! The system tells nobody that a parent was killed, but it closes a pipe. The leash holds the other end of one: when it
//! closes, the leash ends its whole group of processes, the program and all that this has started.

use rustix::process::{Signal, getpid, kill_process, kill_process_group};
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, Stdio};

/// The exit code of shells for a program that cannot be started.
pub(crate) const NOT_STARTED: u8 = 127;

/// Runs a program to its end and ends as it does. Its output is ours; it gets no input.
pub fn leash(words: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = words.split_first() else { return ExitCode::from(2) };
    let mut child = match Command::new(program).args(arguments).stdin(Stdio::null()).spawn() {
        Ok(child) => child,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{} cannot be started: {error}", program.display()));
            return ExitCode::from(NOT_STARTED);
        }
    };
    std::thread::spawn(|| {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        // We lead the group, so this ends us as well.
        kill_process_group(getpid(), Signal::KILL).ok();
    });
    let Ok(status) = child.wait() else { return ExitCode::FAILURE };
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        kill_process(getpid(), signal).ok();
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
