//! The commands of the command line, each in a file.

mod completions;
mod doctor;
mod graph;
mod logs;
mod man;
mod metrics;
mod opened;
mod plan;
mod run;
mod runs;
mod show;
mod why;

pub use completions::completions;
pub use doctor::doctor;
pub use graph::graph;
pub use logs::logs;
pub use man::man;
pub use metrics::metrics;
pub use plan::plan;
pub use run::run;
pub use runs::runs;
pub use show::show;
pub use why::why;
