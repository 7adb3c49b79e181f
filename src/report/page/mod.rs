//! One page that shows pipelines and runs: a self-contained HTML file that needs no network.
//!
//! [`Page`] holds what is shown as plain values; the files beside this one write its sections.

mod bars;
mod document;
mod gather;
mod metrics;
mod parts;
mod pictures;
mod tables;
mod views;

pub use views::{Page, Part, ReportView, ResultView, StageView};
