//! Views of results: explanations, differences, comparisons, metrics, graphs, locks and reproduction.

pub mod compare;
pub mod diff;
pub mod graph;
pub mod lock;
pub mod metrics;
pub mod reproduce;
pub mod why;
