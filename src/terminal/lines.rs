//! A run as plain lines, for logs and pipes.

use crate::key::StageName;
use crate::run::{Ending, Observer};
use crate::terminal::duration;
use contract::Event;
use std::io::Write;

/// Writes a line for each thing that happens.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: W,
    /// Lines of cached stages, which come by the hundred before anything runs.
    held: String,
}

impl<W: Write> Lines<W> {
    /// Lines that go there.
    pub fn new(out: W) -> Self {
        Self { out, held: String::new() }
    }

    fn line(&mut self, stage: &StageName, text: &str) {
        self.hold(stage, text);
        self.flush();
    }

    fn hold(&mut self, stage: &StageName, text: &str) {
        self.held += &format!("{stage:<12} {text}\n");
    }

    fn flush(&mut self) {
        // One write for all; nobody may be reading any more, and the run goes on.
        drop(self.out.write_all(std::mem::take(&mut self.held).as_bytes()));
    }
}

impl<W: Write> Drop for Lines<W> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<W: Write> Observer for Lines<W> {
    fn started(&mut self, stage: &StageName, reason: &str) {
        self.line(stage, &format!("run: {reason}"));
    }

    fn printed(&mut self, stage: &StageName, event: &Event) {
        if let Event::Log { message } = event {
            self.line(stage, &format!("  {message}"));
        }
    }

    fn waits(&mut self, stage: &StageName, message: &str) {
        self.line(stage, message);
    }

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        match ending {
            Ending::Cached => self.hold(stage, &text(ending)),
            _ => self.line(stage, &text(ending)),
        }
    }
}

/// An ending in a few words.
pub(super) fn text(ending: &Ending<'_>) -> String {
    match ending {
        Ending::Cached | Ending::Skipped => ending.state().to_string(),
        Ending::Done { seconds } => format!("{} in {}", ending.state(), duration(*seconds)),
        Ending::Failed { seconds, .. } => format!("{} after {}", ending.state(), duration(*seconds)),
    }
}
