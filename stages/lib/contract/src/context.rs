//! What a running stage has at hand.

use crate::failure::{Failure, FailureKind, Result};
use crate::protocol::{Event, Rank, Spec};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The inputs, outputs, seed, threads and device of one run of one stage, and its voice.
#[derive(Debug)]
pub struct Context {
    spec: Spec,
}

impl Context {
    /// The context of that spec.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self { spec }
    }

    /// The path bound to a required port: an artifact's folder, or a path outside the store.
    ///
    /// # Errors
    /// When nothing is bound to it.
    pub fn input(&self, port: &str) -> Result<&Path> {
        self.optional_input(port).ok_or_else(|| {
            Failure::new(FailureKind::Conflict, format!("nothing is bound to the input '{port}' of {}", self.spec.uses))
        })
    }

    /// The path bound to a port, if one is.
    #[must_use]
    pub fn optional_input(&self, port: &str) -> Option<&Path> {
        self.spec.inputs.get(port)?.values().next().map(PathBuf::as_path)
    }

    /// All paths bound to a port, in the order of their labels; none where nothing is bound.
    #[must_use]
    pub fn input_paths(&self, port: &str) -> Vec<PathBuf> {
        self.spec.inputs.get(port).map(|paths| paths.values().cloned().collect()).unwrap_or_default()
    }

    /// The one file behind a port: the path itself, or the only file of the folder that is bound.
    ///
    /// # Errors
    /// When nothing is bound, or the folder holds none or several files.
    pub fn input_file(&self, port: &str) -> Result<PathBuf> {
        only_file(self.input(port)?)
    }

    /// The artifacts bound to a port that takes many, by label.
    #[must_use]
    pub fn labelled_inputs(&self, port: &str) -> BTreeMap<String, PathBuf> {
        self.spec.inputs.get(port).cloned().unwrap_or_default()
    }

    /// The empty folder in which the output of that port is to be written.
    ///
    /// # Panics
    /// When the stage asks for a port that it does not declare, which its own tests would show.
    #[must_use]
    pub fn output(&self, port: &str) -> &Path {
        &self.spec.outputs[port]
    }

    /// The seed of everything random in this run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.spec.seed
    }

    /// How many threads to use, at least 1.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.spec.threads.max(1)
    }

    /// Which of the processes that run the stage together this one is.
    #[must_use]
    pub fn rank(&self) -> Rank {
        self.spec.rank
    }

    /// Whether this is the process that logs and writes the outputs: the only one, or the first rank.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.spec.rank.number == 0
    }

    /// `auto`, `cpu` or `cuda`.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.spec.device
    }

    /// The folder where this stage may leave what the next attempt needs to go on; it is removed once the stage succeeds.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Path> {
        self.spec.checkpoint.as_deref()
    }

    /// How long to work on between two checkpoints: two minutes, or `PIPE_CHECKPOINT_SECONDS`.
    #[must_use]
    pub fn checkpoint_pause(&self) -> Duration {
        let asked = std::env::var("PIPE_CHECKPOINT_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        Duration::from_secs(asked.unwrap_or(120))
    }

    /// Says a line to whoever watches or reads the log. Of several ranks, the first one does.
    pub fn log(&self, message: impl Into<String>) {
        if self.is_first() {
            say(&Event::Log { message: message.into() });
        }
    }

    /// A counter of `total` steps (0 when unknown).
    #[must_use]
    pub fn progress(&self, total: u64) -> Progress {
        Progress { total, is_silent: !self.is_first(), last_sent: Mutex::new(None) }
    }
}

/// A counter that tells how far a stage is, a few times a second at most.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    is_silent: bool,
    last_sent: Mutex<Option<Instant>>,
}

impl Progress {
    /// Reports that `done` steps are done, unless it reported a moment ago.
    pub fn set(&self, done: u64, message: impl Into<String>) {
        const PAUSE: Duration = Duration::from_millis(200);
        let Ok(mut last_sent) = self.last_sent.lock() else { return };
        if self.is_silent || (done < self.total && last_sent.is_some_and(|at| at.elapsed() < PAUSE)) {
            return;
        }
        *last_sent = Some(Instant::now());
        say(&Event::Progress { done, total: self.total, message: message.into() });
    }
}

/// Writes an event as a line of JSON. A closed pipe means that nobody listens any more, which is no failure.
fn say(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        drop(writeln!(std::io::stdout().lock(), "{line}"));
    }
}

fn only_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut files = Vec::new();
    for entry in fs_err::read_dir(path)? {
        files.push(entry?.path());
    }
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => Ok(file),
        Err(files) => Err(Failure::new(
            FailureKind::DamagedFile,
            format!("{} holds {} files, expected exactly one", path.display(), files.len()),
        )),
    }
}
