//! A comparison of results: what was measured at each point of a sweep, in each run or pipeline, side by side.
//!
//! [`Subject`]s are gathered from the store, [`Comparison::of`] joins them into lines, and a writer for each format prints
//! the lines. What the metrics mean is the stages' business; more is better.

mod csv;
mod gather;
mod json;
mod latex;
mod layout;
mod markdown;
mod paper;
mod significance;
mod statistics;
mod table;
mod text;

pub use gather::{Measured, Subject, of_actions};
pub use paper::PaperTable;
pub use significance::{Request, apply, requests};
pub use statistics::{holm, mean, standard_deviation};
pub use table::{Cell, Comparison, Line, Significance, Wanted};
