//! Calls of Slurm's programs.

use crate::machine::has_program;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Beginnings of variables that change what Slurm's programs do, of which only the command line is to decide.
const CLEARED: [&str; 4] = ["SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_"];

/// The programs that this executor cannot do without and this machine does not have, as messages.
pub(crate) fn missing_programs() -> Vec<String> {
    let missing: Vec<&str> = ["sbatch", "squeue", "scancel"].into_iter().filter(|name| !has_program(name)).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![format!("the executor slurm, and {} cannot be found in PATH", missing.join(", "))]
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// What it printed on standard error when it ended otherwise than with 0, or why it cannot be started.
pub(super) fn ask(program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<String, String> {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if CLEARED.iter().any(|beginning| name.as_encoded_bytes().starts_with(beginning.as_bytes())) {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    output_of(command)
}

/// The same for a command that is ready.
pub(super) fn output_of(mut command: Command) -> Result<String, String> {
    let program = Path::new(command.get_program()).display().to_string();
    command.env("LC_ALL", "C").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{program} cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    if message.is_empty() { Err(format!("{program} ended with {}", output.status)) } else { Err(message) }
}
