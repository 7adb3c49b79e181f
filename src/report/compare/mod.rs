//! A comparison of results: what was measured at each point of a sweep, in each run or pipeline, side by side.
//!
//! [`Subject`]s are gathered from the store, [`Comparison::of`] joins them into lines, and a writer for each format prints
//! the lines. What the metrics mean is the stages' business; more is better.

mod csv;
mod gather;
mod json;
mod latex;
mod layout;
mod line;
mod markdown;
mod paper;
mod reference;
mod significance;
mod statistics;
mod table;
mod text;

pub use gather::{Measured, Subject, of_actions};
pub use line::{Cell, Line, Significance};
pub use paper::PaperTable;
pub use reference::Reference;
pub use significance::{Request, apply, requests};
pub use statistics::{holm, mean, standard_deviation};
pub use table::{Comparison, Wanted};
