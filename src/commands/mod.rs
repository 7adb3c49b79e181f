//! The commands of the command line, each in a file.

mod metrics;
mod plan;
mod run;
mod session;

pub use metrics::metrics;
pub use plan::plan;
pub use run::run;
