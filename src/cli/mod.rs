//! The commands of the command line, each in a file.

pub mod arguments;
mod cache;
pub(crate) mod candidates;
mod compare;
pub(crate) mod completions;
mod diff;
mod doctor;
mod export;
mod graph;
mod lineage;
mod lock;
mod logs;
mod man;
mod metrics;
mod opened;
mod peek;
mod pin;
mod plan;
pub mod reference;
mod reproduce;
mod run;
mod runs;
mod show;
mod tokenize;
mod why;

pub use cache::cache;
pub use compare::compare;
pub use completions::completions;
pub use diff::diff;
pub use doctor::doctor;
pub use export::export;
pub use graph::graph;
pub use lock::lock;
pub use logs::logs;
pub use man::man;
pub use metrics::metrics;
pub use peek::peek;
pub use pin::pin;
pub use plan::plan;
pub use reproduce::reproduce;
pub use run::run;
pub use runs::runs;
pub use show::show;
pub use tokenize::tokenize;
pub use why::why;

/// The words of the command line as text. A path may have bytes that are not UTF-8, for which a sign stands here.
fn command_line() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}
