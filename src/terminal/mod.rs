//! What a person or a program sees of a run: bars on a terminal, lines elsewhere, one JSON object a line on demand.

mod amounts;
mod bars;
mod columns;
mod diagnostic;
mod lines;
mod steps;
mod stream;
mod table;
mod time;
mod width;

pub use amounts::size;
pub use bars::Bars;
pub use columns::{Align, Columns, wrap};
pub use diagnostic::{diagnostic, diagnostic_json};
pub use lines::Lines;
pub use steps::Steps;
pub use stream::{has_colours, has_printed, print, print_bytes, print_error, print_line, styled};
pub use table::{columns, table};
pub use time::{ago, local};
pub use width::width;

/// A duration for people.
pub fn duration(seconds: f64) -> String {
    if seconds < 0.95 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round().max(0.0);
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    }
}
