//! A run of `pipe --json` that is watched while it goes on and may be ended at any moment.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any run or process of a test lasts; what goes on after it hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The run.
pub(crate) struct Live {
    child: Child,
    lines: Receiver<String>,
    events: Vec<Value>,
    errors: JoinHandle<String>,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; nothing after a signal.
    pub(crate) code: Option<i32>,
    /// The events that it told, whole lines only.
    pub(crate) events: Vec<Value>,
    /// Standard error.
    pub(crate) err: String,
}

impl Live {
    /// Starts a run.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut err = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // A line without its end was cut off.
            while out.read_line(&mut line).is_ok() && line.ends_with('\n') {
                drop(sender.send(std::mem::take(&mut line)));
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            drop(err.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, events: Vec::new(), errors }
    }

    /// Waits until so many lines of these kinds of events have come, or the run has ended.
    pub(crate) fn wait_for(&mut self, kinds: &[&str], count: usize) {
        let told = |events: &[Value]| {
            events.iter().filter(|event| kinds.contains(&event["event"].as_str().unwrap_or_default())).count()
        };
        while told(&self.events) < count {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else { return };
            self.events.push(serde_json::from_str(&line).unwrap());
        }
    }

    /// Waits until an event has come for which the condition holds; `failure` is the message when the run ends before.
    pub(crate) fn wait_until(&mut self, failure: &str, holds: impl Fn(&Value) -> bool) {
        loop {
            let line = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{failure}"));
            self.events.push(serde_json::from_str(&line).unwrap());
            if self.events.last().is_some_and(&holds) {
                return;
            }
        }
    }

    /// Waits until the log of a stage has a line with this text.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let is_there = |event: &Value| event["message"].as_str().is_some_and(|message| message.contains(text));
        self.wait_until(&format!("no stage logged '{text}'"), is_there);
    }

    /// Its process.
    pub(crate) fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).ok();
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.finish()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ended {
        let begun = Instant::now();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(1)) {
                Ok(line) => self.events.push(serde_json::from_str(&line).unwrap()),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if begun.elapsed() < LIMIT => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.signal(Signal::KILL);
                    panic!("the run hangs; so far it told {:#?}", self.events);
                }
            }
        }
        let code = self.child.wait().unwrap().code();
        Ended { code, events: self.events, err: self.errors.join().unwrap() }
    }
}

impl Ended {
    /// The stages that ended like this.
    pub(crate) fn stages(&self, status: &str) -> Vec<&str> {
        let ended = self.events.iter().filter(|event| event["event"] == "stage" && event["status"] == status);
        ended.map(|event| event["stage"].as_str().unwrap()).collect()
    }
}

/// The number of a process that is written in a file, once it is.
pub(crate) fn process_in(path: &Path) -> Pid {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n').and_then(|text| Pid::from_raw(text.parse().ok()?)) {
            return pid;
        }
        assert!(begun.elapsed() < LIMIT, "nothing was written to {}", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process runs; one that has ended and waits for its parent does not.
pub(crate) fn is_running(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(process).is_ok() && !stat.rsplit(')').next().unwrap_or_default().trim().starts_with('Z')
}

/// Waits until a process has ended.
pub(crate) fn wait_until_gone(process: Pid) {
    let begun = Instant::now();
    while is_running(process) {
        assert!(begun.elapsed() < Duration::from_secs(20), "process {process:?} outlives its run");
        std::thread::sleep(Duration::from_millis(5));
    }
}
