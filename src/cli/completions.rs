//! `pipe completions`: prints the script that a shell needs to complete our command line.

use crate::cli::arguments::{Arguments, CompletionsArguments};
use crate::error::{Error, Result};
use clap::CommandFactory as _;
use clap_complete::CompleteEnv;
use clap_complete::env::Shells;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The variable that asks for candidates.
pub(crate) const VARIABLE: &str = "COMPLETE";

/// Answers a shell that asks for candidates. False when it was none of the shells that we know.
pub(crate) fn answer() -> bool {
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Arguments::command).var(VARIABLE);
    asked.try_complete(std::env::args_os(), here.as_deref()).unwrap_or(false)
}

/// Prints the script, which calls this very program for the candidates.
pub fn completions(arguments: &CompletionsArguments) -> Result<()> {
    let shells = Shells::builtins();
    let shell = shells.completer(&arguments.shell).ok_or_else(|| Error::Usage {
        message: format!("there are no completions for '{}'", arguments.shell),
        hint: Some(format!("expected one of {}", shells.names().collect::<Vec<_>>().join(", "))),
    })?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "pipe", "pipe", &program(), &mut script)
        .map_err(|error| Error::io("making", Path::new("the script"), error))?;
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(&script));
    Ok(())
}

/// This program as the shell finds it: by its name on the path, or where it was called.
fn program() -> String {
    let called = std::env::args_os().next().map_or_else(|| PathBuf::from("pipe"), PathBuf::from);
    let program = if called.components().count() > 1 { std::path::absolute(&called).unwrap_or(called) } else { called };
    program.to_string_lossy().into_owned()
}
