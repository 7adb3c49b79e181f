//! Standard output and standard error.
//!
//! Styles stay where the stream is a terminal that has colours, or where the user forces them (`NO_COLOR`,
//! `CLICOLOR_FORCE`, `CLICOLOR`, `TERM`); elsewhere they are removed. That nobody reads any more is no error.

use anstream::AutoStream;
use anstream::stream::RawStream;
use anstyle::Style;
use std::fmt::Display;
use std::io::{Write as _, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anything was written to standard output here.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Whether anything was printed by [`print`].
pub fn has_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}

/// Writes text to standard output.
pub fn print(text: &str) {
    PRINTED.store(true, Ordering::Relaxed);
    drop(AutoStream::auto(stdout().lock()).write_all(text.as_bytes()));
}

/// Writes a line to standard output.
pub fn print_line(line: impl Display) {
    print(&format!("{line}\n"));
}

/// Writes bytes to standard output as they are. False when nobody reads any more.
pub fn print_bytes(bytes: &[u8]) -> bool {
    let mut out = stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Writes a line to standard error.
pub fn print_error(line: impl Display) {
    drop(AutoStream::auto(stderr().lock()).write_all(format!("{line}\n").as_bytes()));
}

/// Whether styles stay on a stream.
pub fn has_colours(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != anstream::ColorChoice::Never
}

/// A string in a style.
pub fn styled(text: impl Display, style: Style) -> String {
    format!("{style}{text}{style:#}")
}
