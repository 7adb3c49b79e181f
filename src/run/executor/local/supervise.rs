//! The process between `pipe` and a user's program, which sees to it that the program never outlives the run.
//!
//! The system tells nobody that a parent was killed, but it closes a pipe. The supervisor holds the other end of one: when it
//! closes, the supervisor ends the program and all that this has started, also what has left its group. Orphans become
//! children of the supervisor, so it finds all of them.
//!
//! The supervisor itself may be killed. Its name is not `pipe`, so that `killall pipe` does not hit it; the kernel kills the
//! program with it; and what is left holds the lock of the checkpoint, so that no other attempt works there.

use crate::run::executor::local::checkpoint;
use crate::run::executor::local::descendants::end_descendants;
use crate::run::executor::outcome::NOT_STARTED;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, kill_process, kill_process_group, pidfd_open, set_child_subreaper,
    set_parent_process_death_signal,
};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// What a supervisor is to do.
#[derive(Clone, Debug, clap::Args)]
pub struct Supervised {
    /// Becomes the program of this supervisor, instead of supervising it.
    #[arg(long)]
    supervisor: Option<i32>,
    /// A folder that nobody else may work in while the program runs, or anything that it has started.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Goes on when the standard input closes.
    #[arg(long)]
    detached: bool,
    /// The program and its arguments.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Runs a program to its end and ends as it does. Its output is ours; it gets no input.
pub fn supervise(supervised: &Supervised) -> ExitCode {
    let ended = match supervised.supervisor {
        Some(supervisor) => become_program(&supervised.arguments, supervisor),
        None => run(supervised),
    };
    ended.unwrap_or_else(|message| {
        drop(writeln!(std::io::stderr(), "{message}"));
        ExitCode::from(NOT_STARTED)
    })
}

/// The program dies with its supervisor: the kernel keeps that setting when a program takes the place of this one.
fn become_program(arguments: &[OsString], supervisor: i32) -> Result<ExitCode, String> {
    let (program, arguments) = arguments.split_first().ok_or("no program is named")?;
    set_parent_process_death_signal(Some(Signal::KILL)).ok();
    // It may have died before.
    if getppid().map(Pid::as_raw_pid) != Some(supervisor) {
        return Ok(ExitCode::FAILURE);
    }
    let error = Command::new(program).args(arguments).exec();
    Err(format!("{} cannot be started: {error}", program.display()))
}

fn run(supervised: &Supervised) -> Result<ExitCode, String> {
    rustix::thread::set_name(c"pipe-supervisor").ok();
    // Where the system has no such thing, only the group is ended.
    set_child_subreaper(Some(getpid())).ok();
    let lock = supervised.checkpoint.as_deref().map(checkpoint::lock_for_children).transpose()?;
    let this = std::env::current_exe().map_err(|error| format!("/proc/self/exe cannot be read: {error}"))?;
    let mut command = Command::new(this);
    command.arg("supervise").arg("--supervisor").arg(getpid().as_raw_pid().to_string()).arg("--");
    let child = command.args(&supervised.arguments).stdin(Stdio::null()).spawn();
    let mut child = child.map_err(|error| format!("the program cannot be started: {error}"))?;
    let status = wait(&mut child, supervised.detached);
    end_descendants();
    let Some(status) = status else {
        // We lead the group, so this ends us as well.
        kill_process_group(getpid(), Signal::KILL).ok();
        return Ok(ExitCode::FAILURE);
    };
    drop(lock);
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        kill_process(getpid(), signal).ok();
    }
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Waits for the program; gives nothing when the standard input closes before it ends.
fn wait(child: &mut Child, detached: bool) -> Option<ExitStatus> {
    /// How long one waits where the end of a process cannot be waited for together with other things.
    const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    if detached {
        return child.wait().ok();
    }
    let mut stdin = File::from(rustix::io::dup(std::io::stdin()).ok()?);
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok();
    loop {
        let mut files = vec![PollFd::new(&stdin, PollFlags::IN)];
        files.extend(process.iter().map(|process| PollFd::new(process, PollFlags::IN)));
        let pause = process.is_none().then_some(&PAUSE);
        if poll(&mut files, pause).is_err() {
            continue;
        }
        let has_input = !files[0].revents().is_empty();
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if has_input && !matches!(stdin.read(&mut [0; 64]), Ok(1..)) {
            return None;
        }
    }
}
