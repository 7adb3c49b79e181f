//! What the end of an attempt means: success, or an error of some class.

use crate::error::{Error, Result};
use crate::run::executor::log::StageLog;
use crate::run::executor::spec::LaunchSpec;
use crate::run::executor::{EndState, JobEnd};
use crate::worker::MISSING_LIBRARY;
use contract::{Failure, FailureKind};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// The exit code of shells for a program that cannot be started.
pub(crate) const NOT_STARTED: u8 = 127;

/// What shells and mpirun add to the number of a signal that has ended a program of theirs.
const SHELL_SIGNAL: i32 = 128;

const SIGBUS: i32 = 7;
const SIGXFSZ: i32 = 25;

/// Success, or what went wrong.
pub(crate) fn outcome(launch: &LaunchSpec, log: &StageLog, end: JobEnd) -> Result<()> {
    let (stage, path) = (launch.stage.to_string(), log.path().to_owned());
    match end.state {
        EndState::Stopped => Err(Error::interrupted()),
        EndState::Withdrawn(why) => Err(Error::Withdrawn { stage, why, log: path }),
        EndState::TimedOut => {
            let limit = launch.timeout.unwrap_or_default();
            Err(Error::TimedOut { stage, limit, log: path })
        }
        EndState::Exited(0) if end.failure.is_none() && (end.reported_done || !launch.reports_done()) => Ok(()),
        _ if may_be_full(&end) && is_full(&launch.folder) => Err(Error::DiskFull { path: launch.folder.clone() }),
        state => Err(match (end.failure, state) {
            (Some(failure), _) => failed(launch, log, failure),
            (None, EndState::OutOfMemory) => Error::OutOfMemory { stage, log: path },
            (None, EndState::Signalled(SIGXFSZ)) => Error::Limit {
                message: format!("{stage} was ended since it wrote a file larger than the limit for files"),
                hint: "raise the limit with ulimit -f unlimited, and run again",
            },
            (None, EndState::Exited(code)) if launch.resources.ranks > 1 && code > SHELL_SIGNAL => {
                let how = format!("signal {} to one of its {} ranks", code - SHELL_SIGNAL, launch.resources.ranks);
                Error::Killed { stage, how, log: path }
            }
            (None, EndState::Signalled(signal)) => Error::Killed { stage, how: format!("signal {signal}"), log: path },
            (None, EndState::Exited(code)) if launch.reports_done() && code == i32::from(NOT_STARTED) => {
                Error::Worker {
                    message: format!("{stage} did not run, since its worker could not be started: {}", log.last_line()),
                    hint: MISSING_LIBRARY.to_owned(),
                }
            }
            (None, EndState::Exited(code)) if launch.reports_done() => {
                let message = format!("the worker ended with exit code {code} and printed no failure");
                Error::Stage { stage, failure: Failure::new(FailureKind::Stage, message), log: path }
            }
            (None, EndState::Exited(code)) => match limit(log, code) {
                Some(limit) => limit,
                None => failed(launch, log, of_command(log, code)),
            },
            (None, EndState::Stopped | EndState::TimedOut | EndState::Withdrawn(_)) => Error::interrupted(),
        }),
    }
}

fn failed(launch: &LaunchSpec, log: &StageLog, failure: Failure) -> Error {
    log.line(&format!("error: {failure}"));
    Error::Stage { stage: launch.stage.to_string(), failure, log: log.path().to_owned() }
}

/// The limit that kept a supervisor from starting the program.
fn limit(log: &StageLog, code: i32) -> Option<Error> {
    (code == i32::from(NOT_STARTED)).then(|| Error::limit_in(&log.last_line())).flatten()
}

fn of_command(log: &StageLog, code: i32) -> Failure {
    let last = log.last_line();
    if code == i32::from(NOT_STARTED) {
        return Failure::new(FailureKind::Stage, last).hint("is the program in PATH, and may it be executed?");
    }
    let printed =
        if last.is_empty() { "it printed nothing".to_owned() } else { format!("the last line it printed: {last}") };
    let failure = Failure::new(FailureKind::Stage, format!("the command ended with exit code {code}; {printed}"));
    if code == SHELL_SIGNAL + SIGXFSZ {
        return failure.hint("signal 25: it wrote a file larger than the limit for files; see ulimit -f");
    }
    failure
}

/// Whether an end may be that of a program which found no space left.
fn may_be_full(end: &JobEnd) -> bool {
    let kind = end.failure.as_ref().map(|failure| failure.kind);
    matches!(kind, None | Some(FailureKind::Stage | FailureKind::Output))
        && matches!(end.state, EndState::Exited(_) | EndState::Signalled(SIGBUS))
}

/// Whether nothing more can be written in a folder: no space, no quota or no inode is left.
fn is_full(folder: &Path) -> bool {
    const ENOUGH: usize = 1 << 16;
    let probe = folder.join(".space");
    let written = std::fs::File::create(&probe).and_then(|mut file| {
        file.write_all(&[0; ENOUGH])?;
        // Some file systems find out when they write it to the disk.
        file.sync_data()
    });
    drop(std::fs::remove_file(&probe));
    written.is_err_and(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}
