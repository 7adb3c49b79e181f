//! The commands of the command line, each in a file.

mod metrics;
mod opened;
mod plan;
mod run;

pub use metrics::metrics;
pub use plan::plan;
pub use run::run;
