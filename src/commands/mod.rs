//! The commands of the command line, each in a file.

mod cache;
mod metrics;
mod opened;
mod pin;
mod plan;
mod run;

pub use cache::cache;
pub use metrics::metrics;
pub use pin::pin;
pub use plan::plan;
pub use run::run;
