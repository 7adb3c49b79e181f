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

use cli::Program;
use std::process::ExitCode;

/// The whole program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    if cli::complete().is_some() {
        return ExitCode::SUCCESS;
    }
    let arguments = cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("PIPE_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .with_ansi(terminal::has_colours(&std::io::stderr()))
        .with_target(false)
        .without_time()
        .init();
    error::remember_panics();
    // Without this the system ends a program that writes beyond the limit for files, without a message.
    let too_large = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, too_large));
    let command = match &arguments.program {
        Program::Command(command) => command,
        // It ends as its program does, with any exit code.
        Program::Supervise(supervised) => return run::supervise(supervised),
        Program::Job(arguments) => return run::run_on_node(arguments),
    };
    match error::caught(|| command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::print_error(terminal::diagnostic(&error));
            // A command that has printed its one object prints no second one.
            if cli::wants_json() && (command.prints_events() || !terminal::has_printed()) {
                terminal::print_line(terminal::diagnostic_json(&error));
            }
            ExitCode::from(error.exit_code())
        }
    }
}
