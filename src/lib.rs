//! `pipe` plans a pipeline of stages, runs what changed, keeps every result by its content, and says why.
//!
//! Data flows one way: a file ([`pipeline`]) becomes a plan ([`plan`]), which is run ([`run`]) into the store ([`store`]).

pub mod arguments;
mod candidates;
pub mod commands;
pub mod compare;
pub mod diff;
pub mod digest;
pub mod doctor;
pub mod drawing;
pub mod error;
mod gpus;
pub mod hardware;
pub mod lock;
pub mod metrics;
pub mod names;
pub mod pipeline;
pub mod plan;
pub mod reference;
pub mod reproduce;
pub mod run;
pub mod show;
pub mod store;
pub mod why;
pub mod worker;

use arguments::{Arguments, Command};
use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;

/// The whole program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    if std::env::var_os(candidates::VARIABLE).is_some() && candidates::answer() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let coloured = show::coloured(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("PIPE_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .with_target(false)
        .without_time()
        .init();
    let outcome = match &arguments.command {
        Command::Run(run) => commands::run(run),
        Command::Plan(plan) => commands::plan(plan),
        Command::Lock(lock) => commands::lock(lock),
        Command::Reproduce(reproduce) => commands::reproduce(reproduce),
        Command::Metrics(metrics) => commands::metrics(metrics),
        Command::Compare(compare) => commands::compare(compare),
        Command::Diff(diff) => commands::diff(diff),
        Command::Tokenize(tokenize) => commands::tokenize(tokenize),
        Command::Peek(peek) => commands::peek(peek),
        Command::Export(export) => commands::export(export),
        Command::Graph(graph) => commands::graph(graph),
        Command::Why(why) => commands::why(why),
        Command::Runs(runs) => commands::runs(runs),
        Command::Show(show) => commands::show(show),
        Command::Logs(logs) => commands::logs(logs),
        Command::Doctor(doctor) => commands::doctor(doctor),
        Command::Completions(completions) => commands::completions(completions),
        Command::Man(man) => commands::man(man),
        Command::Cache(cache) => commands::cache(cache),
        Command::Pin(pin) => commands::pin(pin),
        Command::Leash { words } => return run::leash(words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{}", show::diagnostic(&error, coloured)));
            ExitCode::from(error.exit_code())
        }
    }
}
