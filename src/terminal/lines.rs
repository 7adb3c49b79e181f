//! A run as plain lines, for logs and pipes, with how far each stage is from time to time.

use crate::key::StageName;
use crate::run::{Ending, Observer, Pace, pause};
use crate::terminal::duration;
use contract::Event;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// Writes a line for each thing that happens.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: W,
    /// Lines of cached stages, which come by the hundred before anything runs.
    held: String,
    /// The stages that run.
    paces: BTreeMap<StageName, Pace>,
    /// The pause between two lines of progress of a stage.
    pause: Duration,
}

impl<W: Write> Lines<W> {
    /// Lines that go there.
    pub fn new(out: W) -> Self {
        Self { out, held: String::new(), paces: BTreeMap::new(), pause: pause() }
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
        self.paces.insert(stage.clone(), Pace::new(Instant::now()));
    }

    fn printed(&mut self, stage: &StageName, event: &Event) {
        match event {
            Event::Log { message } => self.line(stage, &format!("  {message}")),
            Event::Progress { done, total, message } => {
                let now = Instant::now();
                if let Some(pace) = self.paces.get_mut(stage) {
                    pace.take(now, *done, *total, message);
                }
                self.tick();
            }
            Event::Failed { .. } | Event::Done => {}
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let pause = self.pause;
        let due = self
            .paces
            .iter_mut()
            .filter_map(|(stage, pace)| pace.is_due(now, pause).then(|| (stage.clone(), pace.text(now))));
        for (stage, text) in due.collect::<Vec<_>>() {
            self.line(&stage, &format!("  {text}"));
        }
    }

    fn waits(&mut self, stage: &StageName, message: &str) {
        self.line(stage, message);
    }

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        self.paces.remove(stage);
        match ending {
            Ending::Cached => self.hold(stage, &text(ending)),
            _ => self.line(stage, &text(ending)),
        }
    }
}

/// An ending as a short text.
pub(super) fn text(ending: &Ending<'_>) -> String {
    match ending {
        Ending::Cached | Ending::Skipped => ending.state().to_string(),
        Ending::Done { seconds } => format!("{} in {}", ending.state(), duration(*seconds)),
        Ending::Failed { seconds, .. } => format!("{} after {}", ending.state(), duration(*seconds)),
    }
}
