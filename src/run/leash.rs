//! What stands between `pipe` and a user's program, so that the program never outlives the run.
//!
//! The system tells nobody that a parent was killed, but it closes a pipe. The leash holds the other end of one: when it
//! closes, the leash ends the program and all that this has started, also what has left its group. Orphans become children
//! of the leash, so none is out of its sight.

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group, set_child_subreaper};
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The exit code of shells for a program that cannot be started.
pub(crate) const NOT_STARTED: u8 = 127;

/// Runs a program to its end and ends as it does. Its output is ours; it gets no input.
pub fn leash(words: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = words.split_first() else { return ExitCode::from(2) };
    // Where the system has no such thing, only the group is ended.
    set_child_subreaper(Some(getpid())).ok();
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
        end_descendants();
        // We lead the group, so this ends us as well.
        kill_process_group(getpid(), Signal::KILL).ok();
    });
    let Ok(status) = child.wait() else { return ExitCode::FAILURE };
    end_descendants();
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        kill_process(getpid(), signal).ok();
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Ends all that was started beneath this process, and what that starts meanwhile.
fn end_descendants() {
    const ROUNDS: usize = 1000;
    for _ in 0..ROUNDS {
        let running: Vec<Pid> = descendants(getpid()).into_iter().filter(|process| !has_ended(*process)).collect();
        if running.is_empty() {
            return;
        }
        for process in running {
            kill_process(process, Signal::KILL).ok();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn descendants(of: Pid) -> Vec<Pid> {
    let mut found = vec![of];
    let mut next = 0;
    while next < found.len() {
        let threads = std::fs::read_dir(format!("/proc/{}/task", found[next])).into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        let children: String = children.collect();
        found.extend(children.split_whitespace().filter_map(|number| Pid::from_raw(number.parse().ok()?)));
        next += 1;
    }
    found.split_off(1)
}

/// Whether a process is gone, or has ended and waits to be reaped.
fn has_ended(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'))
}
