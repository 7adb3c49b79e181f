//! The commands of the command line, each in a file.

mod completions;
mod doctor;
mod graph;
mod man;
mod metrics;
mod opened;
mod plan;
mod run;

pub use completions::completions;
pub use doctor::doctor;
pub use graph::graph;
pub use man::man;
pub use metrics::metrics;
pub use plan::plan;
pub use run::run;
