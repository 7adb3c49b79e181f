//! Views of results: explanations, differences, comparisons, metrics and their summary, graphs, locks and reproduction.

pub mod compare;
pub mod diff;
pub mod export;
pub mod graph;
pub mod lock;
pub mod metrics;
mod number;
pub mod page;
pub mod reproduce;
pub mod summary;
pub mod why;

pub use number::number;
