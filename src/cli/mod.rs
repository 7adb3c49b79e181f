//! The command line: each command in a file, with its arguments, its help and what it does.
//!
//! A new command is a module here and a line in `commands!`.

mod cache;
mod command_line;
mod compare;
mod completion;
mod completions;
mod diff;
mod doctor;
mod examples;
mod export;
mod gathering;
mod graph;
mod identifiers;
mod ingest;
mod init;
mod lineage;
mod list;
mod lock;
mod logs;
mod man;
mod metrics;
mod options;
mod peek;
mod pin;
mod plan;
mod rankings;
mod recommend;
pub mod reference;
mod remote;
mod report;
mod reproduce;
mod run;
mod runs;
mod search;
mod serve;
mod session;
mod show;
mod stages;
mod target;
mod tokenize;
mod why;

use crate::error::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::CompleteEnv;
use std::mem::ManuallyDrop;

/// Turns a paper into a program that anyone can run, vary and trust.
#[derive(Debug, Parser)]
#[command(name = "pipe", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) program: Program,
}

/// What this program may be started as.
#[derive(Debug, Subcommand)]
pub(crate) enum Program {
    /// A command of the user's.
    #[command(flatten)]
    Command(Box<Command>),
    /// Run a program that ends when `pipe` does.
    #[command(hide = true)]
    Supervise(crate::run::Supervised),
    /// Run an attempt at a stage on a node of a cluster.
    #[command(hide = true)]
    Job(crate::run::NodeArguments),
}

/// Defines [`Command`] with a variant for each command: its arguments, and the function that does it.
macro_rules! commands {
    ($($variant:ident($arguments:ty) => $function:path,)*) => {
        /// The commands, in the order of the help.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $(#[allow(missing_docs)] $variant($arguments),)*
        }

        impl Command {
            /// Does what the command line says.
            pub(crate) fn run(&self) -> Result<()> {
                match self {
                    $(Self::$variant(arguments) => $function(arguments),)*
                }
            }
        }
    };
}

commands! {
    Init(init::InitArguments) => init::init,
    Run(run::RunArguments) => run::run,
    Plan(plan::PlanArguments) => plan::plan,
    Lock(lock::LockArguments) => lock::lock,
    Reproduce(reproduce::ReproduceArguments) => reproduce::reproduce,
    Metrics(metrics::MetricsArguments) => metrics::metrics,
    Compare(compare::CompareArguments) => compare::compare,
    Report(report::ReportArguments) => report::report,
    Diff(diff::DiffArguments) => diff::diff,
    Tokenize(tokenize::TokenizeArguments) => tokenize::tokenize,
    Recommend(recommend::RecommendArguments) => recommend::recommend,
    Serve(serve::ServeArguments) => serve::serve,
    Peek(peek::PeekArguments) => peek::peek,
    Ingest(ingest::IngestArguments) => ingest::ingest,
    Export(export::ExportModelArguments) => export::export,
    Graph(graph::GraphArguments) => graph::graph,
    Why(why::WhyArguments) => why::why,
    Runs(runs::RunsArguments) => runs::runs,
    Show(show::ShowArguments) => show::show,
    Logs(logs::LogsArguments) => logs::logs,
    Doctor(doctor::DoctorArguments) => doctor::doctor,
    List(list::ListArguments) => list::list,
    Stages(stages::StagesArguments) => stages::stages,
    Completions(completions::CompletionsArguments) => completions::completions,
    Man(man::ManArguments) => write_manual,
    Cache(cache::CacheArguments) => cache::cache,
    Pin(pin::PinArguments) => pin::pin,
}

impl Command {
    /// Whether it prints JSON as a line for each event, not as one object.
    pub(crate) fn prints_events(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Plan(_) | Self::Reproduce(_))
    }
}

/// Answers a shell that asks for completions. `None` when it did not ask, or is none of the shells that we know.
pub(crate) fn complete() -> Option<()> {
    std::env::var_os(completion::VARIABLE)?;
    let here = std::env::current_dir().ok();
    let shell = CompleteEnv::with_factory(Arguments::command).var(completion::VARIABLE);
    shell.try_complete(std::env::args_os(), here.as_deref()).unwrap_or(false).then_some(())
}

/// Reads the command line. Ends the process where it is none.
pub(crate) fn parse() -> Arguments {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    // The definition is made twice only where it has to be.
    if arguments.iter().any(|argument| argument == "--force") {
        arguments = command_line::with_forced_stages(arguments, &Arguments::command());
    }
    let parsed = parse_from(&arguments, Arguments::command()).or_else(|error| match error.kind() {
        // Examples are added to every command, which takes time, so only where they are shown.
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            parse_from(&arguments, definition())
        }
        _ => Err(error),
    });
    parsed.unwrap_or_else(|error| command_line::with_whole_usage(error, &arguments, Arguments::command).exit())
}

/// The whole definition of the command line, as `--help`, the manual and the reference show it.
fn definition() -> clap::Command {
    examples::with_examples(Arguments::command())
}

fn parse_from(
    arguments: &[std::ffi::OsString],
    definition: clap::Command,
) -> std::result::Result<Arguments, clap::Error> {
    // Used once in the life of the process, whose end frees it sooner.
    let mut definition = ManuallyDrop::new(definition);
    let mut matches = definition.try_get_matches_from_mut(arguments)?;
    Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definition))
}

/// Whether arguments are a command line of this program; nothing is run.
///
/// # Errors
/// What the parser says of them.
pub fn check(arguments: &[String]) -> std::result::Result<(), String> {
    let arguments: Vec<_> = arguments.iter().map(std::ffi::OsString::from).collect();
    let arguments = command_line::with_forced_stages(arguments, &Arguments::command());
    definition().try_get_matches_from(arguments).map(drop).map_err(|error| error.to_string())
}

/// Whether the command line asks for JSON, so that a failure is reported in that form too.
pub(crate) fn wants_json() -> bool {
    std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// The manual is made from the definition of the command line, which is here.
fn write_manual(arguments: &man::ManArguments) -> Result<()> {
    man::man(arguments, definition())
}
