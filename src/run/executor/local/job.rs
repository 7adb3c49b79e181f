//! An attempt as a process of this machine, watched by one thread: its output, its end, its timeout, and the options to stop.

use crate::error::{Error, Result};
use crate::run::executor::local::descendants::{beneath, end_attempt};
use crate::run::executor::local::lines::Lines;
use crate::run::executor::local::memory::{self, OutOfMemoryKills};
use crate::run::executor::local::process::{self, Children};
use crate::run::executor::log::{StageLog, Transcript};
use crate::run::executor::spec::{ATTEMPT, LaunchSpec};
use crate::run::executor::{EndState, EventSink, Job, JobEnd};
use contract::Event;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid};
use std::collections::VecDeque;
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a process may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long output is still read after the process has ended and what it has left was ended too.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// The pause between two looks where nothing wakes this thread up.
const PAUSE: Duration = Duration::from_millis(20);

/// The pause before an event is offered again that nobody took.
const OFFER_PAUSE: Duration = Duration::from_millis(1);

/// How often the memory of a process that prints is looked at, at most.
const MEMORY_PAUSE: Duration = Duration::from_millis(50);

/// The attempt.
#[derive(Debug)]
pub(super) struct LocalJob {
    /// Becomes readable when the attempt is to stop.
    stop: Arc<OwnedFd>,
    process: Mutex<Option<Process>>,
}

impl LocalJob {
    pub(super) fn start(launch: &LaunchSpec, supervisor: &Path, children: &Children) -> Result<Self> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let stop = Arc::new(stop.map_err(|error| Error::starting(supervisor, &error.into(), "run again"))?);
        let process = Mutex::new(Some(Process::start(launch, supervisor, children, Arc::clone(&stop))?));
        Ok(Self { stop, process })
    }
}

impl Job for LocalJob {
    fn events(&self, log: &StageLog, send: &mut EventSink<'_>) -> Result<JobEnd> {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        let process = process.ok_or_else(|| Error::Internal("an attempt was watched twice".to_owned()))?;
        Monitor::new(process, log).run(send)
    }

    fn stop(&self) {
        // It is readable already when this fails.
        rustix::io::write(&*self.stop, &1_u64.to_ne_bytes()).ok();
    }
}

/// The process. When it is dropped before its end it is killed, with all that it has started.
#[derive(Debug)]
struct Process {
    child: Child,
    pid: Pid,
    children: Children,
    /// Becomes readable when the process has ended, where the system has such a thing.
    end: Option<OwnedFd>,
    stop: Arc<OwnedFd>,
    /// The variable that all processes of the attempt have.
    mark: String,
    /// What is still to be written to its standard input.
    input: Vec<u8>,
    before: OutOfMemoryKills,
    timeout: Option<Duration>,
    reports_done: bool,
    ranks: usize,
    is_waited_for: bool,
}

impl Process {
    fn start(launch: &LaunchSpec, supervisor: &Path, children: &Children, stop: Arc<OwnedFd>) -> Result<Self> {
        let before = OutOfMemoryKills::so_far();
        let (child, input) = process::start(launch, supervisor, children)?;
        let pid = Pid::from_child(&child);
        if let Some(stdin) = &child.stdin {
            // A process that does not read its standard input must not keep us from ending it.
            fcntl_setfl(stdin, OFlags::NONBLOCK).ok();
        }
        Ok(Self {
            child,
            pid,
            children: children.clone(),
            end: pidfd_open(pid, PidfdFlags::empty()).ok(),
            stop,
            mark: format!("{ATTEMPT}={}", launch.id),
            input,
            before,
            timeout: launch.timeout,
            reports_done: launch.reports_done(),
            ranks: launch.resources.ranks,
            is_waited_for: false,
        })
    }

    /// The most memory that it has had so far, or that its ranks have had together on this machine.
    fn peak_memory(&self) -> Option<u64> {
        if self.ranks <= 1 {
            return memory::peak(self.pid);
        }
        beneath(self.pid).into_iter().map(memory::peak).sum()
    }

    /// Whether it has ended. It is not reaped, so that its number stays its own while its group is ended.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        !matches!(waitid(WaitId::Pid(self.pid), options), Ok(None) | Err(Errno::INTR))
    }

    /// Whether it was a signal that has ended it.
    fn was_killed(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(waitid(WaitId::Pid(self.pid), options), Ok(Some(status)) if status.killed() || status.dumped())
    }

    /// Ends its group.
    fn kill_group(&self) {
        if !self.is_waited_for {
            kill_process_group(self.pid, Signal::KILL).ok();
        }
    }

    /// Ends it and all that it has started, wherever that is now.
    fn kill_all(&self) {
        self.kill_group();
        end_attempt(self.pid, &self.mark);
    }

    fn wait(&mut self) -> std::io::Result<std::process::ExitStatus> {
        self.is_waited_for = true;
        self.children.wait(&mut self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_waited_for {
            self.kill_all();
            drop(self.wait());
        }
    }
}

/// A stream of the process, while it is open.
struct Stream<S> {
    stream: Option<S>,
    lines: Lines,
}

impl<S: Read> Stream<S> {
    fn new(stream: Option<S>) -> Self {
        Self { stream, lines: Lines::default() }
    }

    /// Reads what is there, and gives the lines that are whole now.
    fn read(&mut self, buffer: &mut [u8], log: &StageLog) -> Vec<String> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        match stream.read(buffer) {
            Ok(read @ 1..) => self.lines.add(&buffer[..read], log.redactor()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Vec::new(),
            Ok(0) | Err(_) => self.close(),
        }
    }

    fn close(&mut self) -> Vec<String> {
        self.stream = None;
        self.lines.end().into_iter().collect()
    }
}

/// What has become ready.
#[derive(Debug, Default)]
struct Ready {
    stop: bool,
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

struct Monitor<'a> {
    process: Process,
    log: &'a StageLog,
    transcript: Transcript<'a>,
    stdin: Option<ChildStdin>,
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    /// Events that nobody has taken yet.
    waiting: VecDeque<Event>,
    peak_memory: Option<u64>,
    memory_seen: Option<Instant>,
    deadline: Option<Instant>,
    /// Why it was asked to end.
    requested_end: Option<EndState>,
    /// When it is killed, unless it has ended by then.
    kill_at: Option<Instant>,
    /// Until when its output is read after its end.
    close_at: Option<Instant>,
    buffer: Vec<u8>,
}

impl<'a> Monitor<'a> {
    fn new(mut process: Process, log: &'a StageLog) -> Self {
        let (stdin, stdout, stderr) =
            (process.child.stdin.take(), process.child.stdout.take(), process.child.stderr.take());
        Self {
            transcript: Transcript::new(log, !process.reports_done),
            deadline: process.timeout.map(|timeout| Instant::now() + timeout),
            process,
            log,
            stdin,
            stdout: Stream::new(stdout),
            stderr: Stream::new(stderr),
            waiting: VecDeque::new(),
            peak_memory: None,
            memory_seen: None,
            requested_end: None,
            kill_at: None,
            close_at: None,
            buffer: vec![0; 1 << 16],
        }
    }

    fn run(mut self, send: &mut EventSink<'_>) -> Result<JobEnd> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if let Some(event) = send(event) {
                    self.waiting.push_front(event);
                    break;
                }
            }
            let is_closed = self.stdout.stream.is_none() && self.stderr.stream.is_none();
            if self.close_at.is_some() && is_closed && self.waiting.is_empty() {
                return self.end();
            }
            let ready = self.wait()?;
            self.keep_time(ready.stop);
            if ready.stdin {
                self.write_input();
            }
            if ready.stderr {
                for line in self.stderr.read(&mut self.buffer, self.log) {
                    self.log.line(&line);
                }
            }
            if ready.stdout {
                for line in self.stdout.read(&mut self.buffer, self.log) {
                    self.take_line(&line);
                }
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) -> Result<Ready> {
        let pause = self.pause();
        let timeout = pause.and_then(|pause| Timespec::try_from(pause).ok());
        let reads = self.waiting.is_empty();
        let end = self.process.end.as_ref().filter(|_| self.close_at.is_none()).map(|end| end.as_fd());
        let stop = self.requested_end.is_none().then(|| self.process.stop.as_fd());
        let stdin = self.stdin.as_ref().filter(|_| !self.process.input.is_empty()).map(|stdin| stdin.as_fd());
        let stdout = self.stdout.stream.as_ref().filter(|_| reads).map(|stdout| stdout.as_fd());
        let stderr = self.stderr.stream.as_ref().map(|stderr| stderr.as_fd());
        let wanted = [
            (end, PollFlags::IN),
            (stop, PollFlags::IN),
            (stdin, PollFlags::OUT),
            (stdout, PollFlags::IN),
            (stderr, PollFlags::IN),
        ];
        let mut files: Vec<PollFd<'_>> =
            wanted.iter().filter_map(|(file, flags)| Some(PollFd::from_borrowed_fd((*file)?, *flags))).collect();
        match poll(&mut files, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR | Errno::AGAIN) => return Ok(Ready::default()),
            Err(error) => return Err(Error::io("waiting for", self.log.path(), error.into())),
        }
        let mut found = files.iter().map(|file| !file.revents().is_empty());
        let mut is_ready = |wanted: bool| wanted && found.next().unwrap_or(false);
        is_ready(end.is_some());
        Ok(Ready {
            stop: is_ready(stop.is_some()),
            stdin: is_ready(stdin.is_some()),
            stdout: is_ready(stdout.is_some()),
            stderr: is_ready(stderr.is_some()),
        })
    }

    /// How long nothing has to be done unless something happens.
    fn pause(&self) -> Option<Duration> {
        let now = Instant::now();
        let moments = [self.deadline.filter(|_| self.requested_end.is_none()), self.kill_at, self.close_at];
        let until = moments.into_iter().flatten().map(|moment| moment.saturating_duration_since(now));
        let offer = (!self.waiting.is_empty()).then_some(OFFER_PAUSE);
        let look = (self.process.end.is_none() || self.close_at.is_some()).then_some(PAUSE);
        until.chain(offer).chain(look).min()
    }

    /// Does what is due: asks the process to end, kills it, ends what it has left.
    fn keep_time(&mut self, is_to_stop: bool) {
        let now = Instant::now();
        let is_due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        if self.close_at.is_none() {
            if is_to_stop {
                self.request_end(EndState::Stopped);
            } else if is_due(self.deadline) {
                self.request_end(EndState::TimedOut);
            }
            if is_due(self.kill_at) {
                self.process.kill_all();
                self.kill_at = Some(now + PAUSE);
            }
            if self.process.has_ended() {
                // A supervisor that ends by itself has ended all that was started.
                if self.process.was_killed() {
                    self.process.kill_all();
                } else {
                    self.process.kill_group();
                }
                self.close_at = Some(now + LAST_OUTPUT);
                self.kill_at = Some(now + 5 * PAUSE);
                self.stdin = None;
            }
        } else if is_due(self.kill_at) {
            // Something still holds the output open.
            self.process.kill_all();
            self.kill_at = Some(now + 5 * PAUSE);
        }
        if is_due(self.close_at) {
            for line in self.stdout.close() {
                self.take_line(&line);
            }
            for line in self.stderr.close() {
                self.log.line(&line);
            }
        }
    }

    fn request_end(&mut self, why: EndState) {
        if self.requested_end.is_none() {
            self.requested_end = Some(why);
            self.stdin = None;
            self.kill_at = Some(Instant::now() + PATIENCE);
        }
    }

    fn write_input(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        match stdin.write(&self.process.input) {
            Ok(written) => drop(self.process.input.drain(..written)),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted) => {}
            // A process that is gone already is found by its exit status.
            Err(_) => self.process.input.clear(),
        }
    }

    fn take_line(&mut self, line: &str) {
        let event = self.transcript.line(line);
        let is_due = self.memory_seen.is_none_or(|seen| seen.elapsed() >= MEMORY_PAUSE);
        if is_due || self.transcript.reported_done {
            self.peak_memory = self.process.peak_memory().or(self.peak_memory);
            self.memory_seen = Some(Instant::now());
        }
        self.waiting.extend(event);
    }

    fn end(mut self) -> Result<JobEnd> {
        let status = self.process.wait().map_err(|error| Error::io("waiting for", self.log.path(), error))?;
        // Shells give 128 and the signal for a program of theirs that was ended by one.
        let was_killed = status.signal() == Some(9) || status.code() == Some(128 + 9);
        let state = match (self.requested_end, status.signal()) {
            (Some(why), _) => why,
            _ if was_killed && OutOfMemoryKills::so_far() != self.process.before => EndState::OutOfMemory,
            (None, Some(signal)) => EndState::Signalled(signal),
            (None, None) => EndState::Exited(status.code().unwrap_or(1)),
        };
        Ok(JobEnd {
            state,
            failure: self.transcript.failure.take(),
            reported_done: self.transcript.reported_done,
            peak_memory: self.peak_memory,
            elsewhere: None,
        })
    }
}
