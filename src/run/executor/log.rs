//! The log of a stage in a run, and what the lines that a stage prints mean.

use crate::error::{Error, Result};
use crate::run::executor::redact::Redactor;
use crate::run::pace::{Pace, pause};
use contract::{Event, Failure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The log. Nothing that goes through it has a secret in it.
#[derive(Debug)]
pub(crate) struct StageLog {
    path: PathBuf,
    redactor: Redactor,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: std::fs::File,
    last_line: String,
}

impl StageLog {
    /// Opens the log to add to it, without these secrets.
    pub(crate) fn open(path: &Path, secrets: &[String]) -> Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| Error::io("writing", path, error))?;
        let state = Mutex::new(State { file, last_line: String::new() });
        Ok(Self { path: path.to_owned(), redactor: Redactor::new(secrets), state })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What finds the secrets.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Adds a line and gives it as it was written. A log that cannot be written stops nothing.
    pub(crate) fn line(&self, text: &str) -> String {
        let text = self.redactor.redact(text);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(writeln!(state.file, "{text}"));
        if !text.trim().is_empty() {
            state.last_line.clone_from(&text);
        }
        text
    }

    /// Adds a line about the stage, such as how far it is. It is not what an error quotes as the last line.
    pub(crate) fn note(&self, text: &str) {
        let text = self.redactor.redact(text);
        drop(writeln!(self.state.lock().unwrap_or_else(PoisonError::into_inner).file, "{text}"));
    }

    /// The last line that was not blank.
    pub(crate) fn last_line(&self) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last_line.clone()
    }

    /// The event that a line is, without secrets. An event that would still show one, as a number, is none.
    pub(crate) fn event(&self, line: &str) -> Option<Event> {
        let clean = |text: String| self.redactor.redact(&text);
        let is_clean = |number: u64| self.redactor.is_clean(&number.to_string());
        let event = match serde_json::from_str(line).ok()? {
            Event::Log { message } => Event::Log { message: clean(message) },
            Event::Progress { done, total, message } => {
                (is_clean(done) && is_clean(total)).then(|| Event::Progress { done, total, message: clean(message) })?
            }
            Event::Failed { failure: Failure { kind, message, hint } } => {
                Event::Failed { failure: Failure { kind, message: clean(message), hint: hint.map(clean) } }
            }
            Event::Done => Event::Done,
        };
        Some(event)
    }
}

/// What a stage has printed on its standard output, up to now.
#[derive(Debug)]
pub(crate) struct Transcript<'a> {
    log: &'a StageLog,
    /// Whether lines that are no events are shown. A worker says what people should see in events; what a command prints
    /// is all that there is to see.
    shows_lines: bool,
    /// How far it is.
    pace: Pace,
    /// The pause between two lines of progress.
    pause: Duration,
    /// The failure that it printed.
    pub(crate) failure: Option<Failure>,
    /// Whether it printed that it is done.
    pub(crate) reported_done: bool,
}

impl<'a> Transcript<'a> {
    /// Nothing was printed yet.
    pub(crate) fn new(log: &'a StageLog, shows_lines: bool) -> Self {
        Self { log, shows_lines, pace: Pace::new(Instant::now()), pause: pause(), failure: None, reported_done: false }
    }

    /// Takes a line, and gives the event for those who watch.
    pub(crate) fn line(&mut self, line: &str) -> Option<Event> {
        match self.log.event(line) {
            Some(Event::Failed { failure }) => self.failure = Some(failure),
            Some(Event::Done) => self.reported_done = true,
            Some(Event::Log { message }) => return Some(Event::Log { message: self.log.line(&message) }),
            Some(Event::Progress { done, total, message }) => {
                let now = Instant::now();
                self.pace.take(now, done, total, &message);
                if self.pace.is_due(now, self.pause) {
                    self.log.note(&self.pace.text(now));
                }
                return Some(Event::Progress { done, total, message });
            }
            None => {
                let message = self.log.line(line);
                return self.shows_lines.then_some(Event::Log { message });
            }
        }
        None
    }
}
