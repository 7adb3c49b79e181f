//! One attempt at a stage as a process: how it is started, heard and waited for.

use crate::error::{Error, Result};
use crate::key::StageName;
use crate::run::hold::{Ended, Hold};
use crate::run::leash::NOT_STARTED;
use crate::run::lines::Lines;
use crate::run::memory::{self, OutOfMemoryKills};
use crate::run::redact::Redactor;
use contract::{Event, Failure, FailureKind};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// A process to be started.
#[derive(Debug)]
pub(crate) struct Start {
    /// The program, its arguments and environment.
    pub(crate) command: Command,
    /// What it is told at its beginning, on its standard input.
    pub(crate) first_line: Option<String>,
    /// Whether it has to say that it is done.
    pub(crate) says_done: bool,
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
}

/// Runs a process to its end. What it says goes to `tell` and into the log. Gives its peak memory as last seen, in bytes.
pub(crate) fn run(
    start: Start,
    stage: &StageName,
    log: &Log,
    hold: &Hold,
    tell: &(dyn Fn(Event) + Sync),
) -> Result<Option<u64>> {
    let before = OutOfMemoryKills::so_far();
    let (says_done, timeout) = (start.says_done, start.timeout);
    let mut child = spawn(start.command)?;
    let mut stdin = child.stdin.take();
    if let (Some(stdin), Some(line)) = (&mut stdin, &start.first_line) {
        // A process that is gone already is found by its exit status.
        drop(writeln!(stdin, "{line}").and_then(|()| stdin.flush()));
    }
    hold.take(stdin, child.id(), timeout);
    // A worker says what people should see in events; what a command prints is all that there is to see.
    let tells_all = !says_done;
    let heard = listen(&mut child, log, hold, tells_all, tell);
    let ended = hold.let_go();
    let status = child.wait().map_err(|error| Error::io("waiting for", &log.path, error))?;
    let outcome = Outcome { stage, log, status, says_done, before };
    match (ended, heard.failure) {
        (Some(Ended::Stopped), _) => Err(Error::Interrupted),
        (Some(Ended::TimedOut), _) => {
            let limit = timeout.unwrap_or_default();
            Err(Error::TimedOut { stage: stage.to_string(), limit, log: log.path.clone() })
        }
        (None, Some(failure)) => Err(outcome.failed(failure)),
        (None, None) if status.success() && (heard.done || !says_done) => Ok(heard.memory),
        (None, None) => Err(outcome.error()),
    }
}

fn spawn(mut command: Command) -> Result<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command.spawn().map_err(|error| Error::Worker {
        message: format!("{} cannot be started: {error}", Path::new(command.get_program()).display()),
        hint: "build it again with `cargo build`".to_owned(),
    })
}

/// What a process said.
#[derive(Debug, Default)]
struct Heard {
    failure: Option<Failure>,
    done: bool,
    memory: Option<u64>,
}

/// Hears a process out. When it has ended, whatever it has left running is ended too, or its output would never close.
fn listen(child: &mut Child, log: &Log, hold: &Hold, tells_all: bool, tell: &(dyn Fn(Event) + Sync)) -> Heard {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let process = child.id();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            each_line(stderr, &log.redactor, |line| drop(log.line(&line)));
        });
        threads.spawn(move || {
            let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else { return };
            // Not reaped yet, so that its number stays its own while its group is ended.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
            hold.end_what_is_left();
        });
        let mut heard = Heard::default();
        each_line(stdout, &log.redactor, |line| {
            heard.memory = memory::peak(process).or(heard.memory);
            match log.event(&line) {
                Some(Event::Failed { failure }) => heard.failure = Some(failure),
                Some(Event::Done) => heard.done = true,
                Some(Event::Log { message }) => tell(Event::Log { message: log.line(&message) }),
                Some(event) => tell(event),
                None if tells_all => tell(Event::Log { message: log.line(&line) }),
                None => drop(log.line(&line)),
            }
        });
        heard
    })
}

/// Hands on the lines of a stream.
fn each_line(stream: Option<impl Read>, redactor: &Redactor, mut then: impl FnMut(String)) {
    let (mut lines, mut buffer) = (Lines::default(), vec![0; 1 << 16]);
    let Some(mut stream) = stream else { return };
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => lines.add(&buffer[..read], redactor).into_iter().for_each(&mut then),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.end().into_iter().for_each(then);
}

/// The end of a process that did not succeed.
struct Outcome<'a> {
    stage: &'a StageName,
    log: &'a Log,
    status: ExitStatus,
    says_done: bool,
    before: OutOfMemoryKills,
}

impl Outcome<'_> {
    fn failed(&self, failure: Failure) -> Error {
        self.log.line(&format!("error: {failure}"));
        Error::Stage { stage: self.stage.to_string(), failure, log: self.log.path.clone() }
    }

    /// An end without a word.
    fn error(&self) -> Error {
        let (stage, log) = (self.stage.to_string(), self.log.path.clone());
        // Shells give 128 and the signal for a program of theirs that was ended by one.
        let killed = self.status.signal() == Some(9) || self.status.code() == Some(128 + 9);
        if killed && OutOfMemoryKills::so_far() != self.before {
            return Error::OutOfMemory { stage, log };
        }
        match (self.status.signal(), self.status.code()) {
            (Some(signal), _) => Error::Killed { stage, how: format!("signal {signal}"), log },
            (None, _) if self.says_done => {
                let message = format!("the worker ended with {} and said nothing", self.status);
                Error::Stage { stage, failure: Failure::new(FailureKind::Stage, message), log }
            }
            (None, code) => self.failed(self.of_command(code.unwrap_or(1))),
        }
    }

    fn of_command(&self, code: i32) -> Failure {
        let last = self.log.last_line();
        if code == i32::from(NOT_STARTED) {
            return Failure::new(FailureKind::Stage, last).hint("is the program in PATH, and may it be executed?");
        }
        let words = if last.is_empty() { "it said nothing".to_owned() } else { format!("its last words: {last}") };
        Failure::new(FailureKind::Stage, format!("the command ended with exit code {code}; {words}"))
    }
}

/// The log of a stage in a run.
#[derive(Debug)]
pub(crate) struct Log {
    /// Where it is.
    pub(crate) path: PathBuf,
    file: Mutex<(std::fs::File, String)>,
    redactor: Redactor,
}

impl Log {
    /// Opens the log to add to it, without secrets.
    pub(crate) fn open(path: &Path, secrets: &[String]) -> Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| Error::io("writing", path, error))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new((file, String::new())), redactor: Redactor::new(secrets) })
    }

    /// The event that a line is, without secrets. An event that would still show one, in a number for example, is none.
    fn event(&self, line: &str) -> Option<Event> {
        let clean = |text: String| self.redactor.redact(&text);
        let event = match serde_json::from_str(line).ok()? {
            Event::Log { message } => Event::Log { message: clean(message) },
            Event::Progress { done, total, message } => Event::Progress { done, total, message: clean(message) },
            Event::Failed { failure: Failure { kind, message, hint } } => {
                Event::Failed { failure: Failure { kind, message: clean(message), hint: hint.map(clean) } }
            }
            Event::Done => Event::Done,
        };
        let is_clean = |text: String| self.redactor.is_clean(&text);
        let shows_number = matches!(&event, Event::Progress { done, total, .. } if !is_clean(done.to_string()) || !is_clean(total.to_string()));
        (!shows_number).then_some(event)
    }

    /// Adds a line and gives it as it was written. A log that cannot be written stops nothing.
    pub(crate) fn line(&self, text: &str) -> String {
        let text = self.redactor.redact(text);
        if let Ok(mut file) = self.file.lock() {
            drop(writeln!(file.0, "{text}"));
            if !text.trim().is_empty() {
                file.1.clone_from(&text);
            }
        }
        text
    }

    fn last_line(&self) -> String {
        self.file.lock().map(|file| file.1.clone()).unwrap_or_default()
    }
}
