//! The commands of the command line, each in a file.

mod cache;
mod compare;
mod completions;
mod diff;
mod doctor;
mod graph;
mod lock;
mod logs;
mod man;
mod metrics;
mod opened;
mod pin;
mod plan;
mod reproduce;
mod run;
mod runs;
mod show;
mod why;

pub use cache::cache;
pub use compare::compare;
pub use completions::completions;
pub use diff::diff;
pub use doctor::doctor;
pub use graph::graph;
pub use lock::lock;
pub use logs::logs;
pub use man::man;
pub use metrics::metrics;
pub use pin::pin;
pub use plan::plan;
pub use reproduce::reproduce;
pub use run::run;
pub use runs::runs;
pub use show::show;
pub use why::why;
