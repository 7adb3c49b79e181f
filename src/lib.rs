//! `pipe` plans a pipeline of stages, runs what changed, keeps every result by its content, and says why.
//!
//! Data flows one way: a file ([`pipeline`]) becomes a plan ([`plan`]), which is run ([`run`]) into the store ([`store`]).

pub mod cli;
pub mod doctor;
pub mod error;
pub mod fs;
pub mod inputs;
pub mod key;
pub mod machine;
pub mod pipeline;
pub mod plan;
pub mod report;
pub mod run;
pub mod source;
pub mod store;
pub mod terminal;
pub mod worker;

use clap::Parser as _;
use cli::arguments::{Arguments, Command};
use std::io::Write as _;
use std::process::ExitCode;

/// The whole program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    if std::env::var_os(cli::completions::VARIABLE).is_some() && cli::completions::answer() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let coloured = terminal::coloured(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("PIPE_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .with_target(false)
        .without_time()
        .init();
    error::remember_panics();
    // Without this the system ends a program that writes beyond the limit for files, without a message.
    let too_large = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, too_large));
    if let Command::Supervise(supervised) = &arguments.command {
        return run::supervise(supervised);
    }
    match error::caught(|| execute(&arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{}", terminal::diagnostic(&error, coloured)));
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: &Command) -> error::Result<()> {
    match command {
        Command::Run(run) => cli::run(run),
        Command::Plan(plan) => cli::plan(plan),
        Command::Lock(lock) => cli::lock(lock),
        Command::Reproduce(reproduce) => cli::reproduce(reproduce),
        Command::Metrics(metrics) => cli::metrics(metrics),
        Command::Compare(compare) => cli::compare(compare),
        Command::Diff(diff) => cli::diff(diff),
        Command::Tokenize(tokenize) => cli::tokenize(tokenize),
        Command::Peek(peek) => cli::peek(peek),
        Command::Export(export) => cli::export(export),
        Command::Graph(graph) => cli::graph(graph),
        Command::Why(why) => cli::why(why),
        Command::Runs(runs) => cli::runs(runs),
        Command::Show(show) => cli::show(show),
        Command::Logs(logs) => cli::logs(logs),
        Command::Doctor(doctor) => cli::doctor(doctor),
        Command::Completions(completions) => cli::completions(completions),
        Command::Man(man) => cli::man(man),
        Command::Cache(cache) => cli::cache(cache),
        Command::Pin(pin) => cli::pin(pin),
        // It ends as its program does, with any exit code.
        Command::Supervise(_) => Ok(()),
    }
}
