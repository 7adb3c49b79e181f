//! `pipe completions`: prints the script that a shell needs to complete our command line.

use crate::cli::completion::VARIABLE;
use crate::error::{Error, Result};
use crate::terminal::print_bytes;
use clap::Args;
use clap_complete::env::Shells;
use std::path::{Path, PathBuf};

/// What `pipe completions --help` prints.
const LONG: &str = "\
Print the script with which a shell completes commands, pipelines and stages.

For bash, add this line to ~/.bashrc:

    source <(pipe completions bash)

For zsh, after `compinit`, the same with zsh in ~/.zshrc. For fish:

    pipe completions fish > ~/.config/fish/completions/pipe.fish

For elvish, `eval (pipe completions elvish | slurp)` in ~/.elvish/rc.elv. For PowerShell,
`pipe completions powershell | Out-String | Invoke-Expression` in $PROFILE.";

/// Print the script with which a shell completes commands, pipelines and stages.
#[derive(Debug, Args)]
#[command(long_about = LONG)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    #[arg(value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    pub(super) shell: String,
}

/// Prints the script, which calls this very program for the candidates.
pub(super) fn completions(arguments: &CompletionsArguments) -> Result<()> {
    let shells = Shells::builtins();
    let shell = shells.completer(&arguments.shell).ok_or_else(|| Error::Usage {
        message: format!("there are no completions for '{}'", arguments.shell),
        hint: Some(format!("expected one of {}", shells.names().collect::<Vec<_>>().join(", "))),
    })?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "pipe", "pipe", &program(), &mut script)
        .map_err(|error| Error::io("making", Path::new("the script"), error))?;
    print_bytes(&script);
    Ok(())
}

/// This program as the shell finds it: by its name on the path, or where it was called.
fn program() -> String {
    let called = std::env::args_os().next().map_or_else(|| PathBuf::from("pipe"), PathBuf::from);
    let program = if called.components().count() > 1 { std::path::absolute(&called).unwrap_or(called) } else { called };
    program.to_string_lossy().into_owned()
}
