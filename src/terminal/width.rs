//! How wide a line may be.

use std::io::IsTerminal as _;

/// The narrowest terminal that tables are fitted to; in a narrower one lines wrap.
const NARROWEST: usize = 40;

/// How many letters fit a line of standard output: what `COLUMNS` says, or else the terminal. None where it is neither, such
/// as in a pipe, so that a program reads one row a line.
pub fn width() -> Option<usize> {
    let set = std::env::var("COLUMNS").ok().and_then(|text| text.parse::<usize>().ok());
    let found = || {
        let size = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        size.map(|(columns, _)| usize::from(columns.0))
    };
    set.or_else(found).filter(|columns| *columns >= NARROWEST)
}
