//! What a user's program wrote, read as the stages that take it would, so that a fault is reported by the stage that made it.

use crate::error::{Error, Result};
use crate::run::executor::log::StageLog;
use crate::run::executor::spec::LaunchSpec;
use crate::run::request::ExecutionRequest;
use crate::worker;
use contract::questions::Check;
use contract::{Failure, Kind};
use std::path::Path;

/// Asks the worker about each output that it can read. What readers would change goes to the log and to `say`.
///
/// Without a worker nothing is checked: a pipeline of commands alone needs none.
///
/// # Errors
/// [`Error::Stage`] with the faults of the first output that is not what its kind says; [`Error::Worker`] when the worker
/// cannot answer.
pub(super) fn check(
    request: &ExecutionRequest,
    launch: &LaunchSpec,
    log: &StageLog,
    say: &dyn Fn(String),
) -> Result<()> {
    if !request.worker.is_file() {
        return Ok(());
    }
    for (port, kind) in &request.checked {
        let Some(folder) = launch.outputs.get(port.as_str()) else { continue };
        let question = Check { kind: kind.clone(), folder: folder.clone() };
        match worker::ask(&request.worker, &question) {
            Ok(checked) => {
                for note in checked.notes {
                    say(log.line(&format!("output '{port}': {note}")));
                }
            }
            Err(Error::Answer(failure)) => {
                let failure = of_output(port.as_str(), kind, folder, failure);
                log.line(&format!("error: {failure}"));
                return Err(Error::Stage { stage: request.name.to_string(), failure, log: log.path().to_owned() });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The failure with the name of the output in place of the folder of the attempt, which is removed.
fn of_output(port: &str, kind: &Kind, folder: &Path, failure: Failure) -> Failure {
    let message = failure.message.replace(&format!("{}/", folder.display()), "");
    let hint = failure.hint.or_else(|| Some(format!("an output of kind '{}' is read when its stage ends", kind.0)));
    Failure { message: format!("output '{port}': {message}"), hint, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::FailureKind;

    #[test]
    fn a_fault_names_the_output_and_the_file_in_it() {
        let failure = Failure::new(FailureKind::MalformedRow, "/tmp/run/o/rankings.parquet: row 1: rank is 3");
        let found = of_output("lists", &Kind("rankings".to_owned()), Path::new("/tmp/run/o"), failure);
        assert_eq!(found.message, "output 'lists': rankings.parquet: row 1: rank is 3");
    }
}
