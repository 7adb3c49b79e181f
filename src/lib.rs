//! `pipe` plans a pipeline of stages, runs what changed, keeps every result by its content, and says why.
//!
//! Data flows one way: a file ([`pipeline`]) becomes a plan ([`plan`]), which is run ([`run`]) into the store ([`store`]).

pub mod arguments;
pub mod commands;
pub mod digest;
pub mod error;
pub mod names;
pub mod pipeline;
pub mod plan;
pub mod reference;
pub mod run;
pub mod show;
pub mod store;
pub mod worker;

use arguments::{Arguments, Command};
use clap::Parser as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// The whole program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("PIPE_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
    let outcome = match &arguments.command {
        Command::Run(run) => commands::run(run),
        Command::Plan(plan) => commands::plan(plan),
        Command::Metrics(metrics) => commands::metrics(metrics),
        Command::Cache(cache) => commands::cache(cache),
        Command::Pin(pin) => commands::pin(pin),
        Command::Leash { words } => return run::leash(words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            drop(writeln!(std::io::stderr(), "{}", show::diagnostic(&error, coloured)));
            ExitCode::from(error.exit_code())
        }
    }
}
