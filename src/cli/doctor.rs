//! `pipe doctor`: says what was found of all that `pipe` needs.

use crate::cli::arguments::DoctorArguments;
use crate::doctor::examine;
use crate::error::Result;
use crate::terminal::coloured;
use std::io::Write as _;

/// Prints what was found.
///
/// # Errors
/// The first problem that prevents runs, after everything has been printed.
pub fn doctor(arguments: &DoctorArguments) -> Result<()> {
    let report = examine(arguments.store.clone(), arguments.worker.clone());
    let text = if arguments.json { format!("{}\n", report.json()) } else { report.text(coloured(&std::io::stdout())) };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    report.conclude()
}
