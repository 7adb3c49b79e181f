//! Following a job: what the attempt prints, its state in the cluster, its result, and what is requested of it.

use crate::error::{Error, Result, Withdrawal};
use crate::run::executor::log::{StageLog, Transcript};
use crate::run::executor::slurm::files::{Finished, Started};
use crate::run::executor::slurm::job::{JobRequest, SlurmJob};
use crate::run::executor::slurm::listing::Listing;
use crate::run::executor::slurm::scheduler::Seen;
use crate::run::executor::slurm::state::{JobOutcome, JobState, Row, needs_the_user};
use crate::run::executor::slurm::tail::Tail;
use crate::run::executor::{EndState, EventSink, Job, JobEnd};
use contract::Event;
use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

/// The pauses between two looks at the files, from the shortest while something is new to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long a result is still waited for of a job that the cluster has ended.
const LAST_RESULT: Duration = Duration::from_secs(1);

impl Job for SlurmJob {
    fn events(&self, log: &StageLog, send: &mut EventSink<'_>) -> Result<JobEnd> {
        Monitor::new(self, log).run(send)
    }

    fn stop(&self) {
        self.request(JobRequest::Stop);
    }

    fn leave(&self) {
        self.request(JobRequest::Leave);
    }
}

/// How a job is followed.
struct Monitor<'a> {
    job: &'a SlurmJob,
    log: &'a StageLog,
    transcript: Transcript<'a>,
    log_lines: Tail,
    event_lines: Tail,
    /// Events that nobody has taken yet.
    waiting: VecDeque<Event>,
    pause: Duration,
    /// When its end was seen first: in its result, or in its state.
    finished: Option<Instant>,
    ended: Option<Instant>,
    is_cancelled: bool,
    /// What was reported of it last, which is not reported again.
    last_message: String,
    /// How often its lock could be had while it ran.
    lock_found_free: usize,
}

impl<'a> Monitor<'a> {
    fn new(job: &'a SlurmJob, log: &'a StageLog) -> Self {
        Self {
            transcript: Transcript::new(log, true),
            log_lines: Tail::new(job.files.log()),
            event_lines: Tail::new(job.files.events()),
            job,
            log,
            waiting: VecDeque::new(),
            pause: PAUSES.0,
            finished: None,
            ended: None,
            is_cancelled: false,
            last_message: String::new(),
            lock_found_free: 0,
        }
    }

    fn run(mut self, send: &mut EventSink<'_>) -> Result<JobEnd> {
        self.log.note(&format!("slurm: job {}, {}", self.job.number, self.job.files.folder().display()));
        loop {
            // Before what was printed is read, so that nothing of it is missed.
            let finished = self.job.files.finished();
            let is_new = self.read();
            self.offer(send);
            if let Some(finished) = finished {
                if let Some(end) = self.result(finished)? {
                    return Ok(end);
                }
            } else {
                match self.job.requested() {
                    Some(JobRequest::Leave) => return Ok(end(EndState::Stopped)),
                    Some(JobRequest::Stop) if !self.is_cancelled => {
                        self.job.scheduler.cancel(self.job.number);
                        self.is_cancelled = true;
                    }
                    _ => {}
                }
                if let Some(state) = self.state(send)? {
                    return Ok(end(state));
                }
            }
            self.pause = if is_new || !self.waiting.is_empty() { PAUSES.0 } else { (self.pause * 3 / 2).min(PAUSES.1) };
            self.job.sleep(self.pause);
        }
    }

    /// Takes what is new in the files, no more than is taken from us. Whether there was anything.
    fn read(&mut self) -> bool {
        let lines = self.log_lines.lines();
        let mut is_new = !lines.is_empty();
        for line in lines {
            self.log.line(&line);
        }
        if self.waiting.is_empty() {
            for line in self.event_lines.lines() {
                is_new = true;
                match self.log.event(&line) {
                    // The log has it already.
                    Some(event @ Event::Log { .. }) => self.waiting.push_back(event),
                    Some(_) => self.waiting.extend(self.transcript.line(&line)),
                    None => {}
                }
            }
        }
        is_new
    }

    fn offer(&mut self, send: &mut EventSink<'_>) {
        while let Some(event) = self.waiting.pop_front() {
            if let Some(event) = send(event) {
                self.waiting.push_front(event);
                return;
            }
        }
    }

    /// The end that a node has written, once all that it has printed and made is seen here.
    fn result(&mut self, finished: Finished) -> Result<Option<JobEnd>> {
        let since = *self.finished.get_or_insert_with(Instant::now);
        let is_late = since.elapsed() > self.job.latency;
        let is_read = self.log_lines.read_bytes() >= finished.log && self.event_lines.read_bytes() >= finished.events;
        if !self.waiting.is_empty() || !is_read && !is_late {
            return Ok(None);
        }
        let outputs = Listing::of(self.job.launch.outputs.values().map(std::path::PathBuf::as_path));
        if outputs != finished.outputs {
            if !is_late {
                return Ok(None);
            }
            return Err(Error::Cluster {
                message: format!(
                    "{} has ended on its node, but what it wrote is not seen here after {} s: expected {:?} in its outputs, \
                     found {outputs:?}",
                    self.job.launch.stage,
                    self.job.latency.as_secs(),
                    finished.outputs,
                ),
                hint: "the store has to be on a file system that this machine and all nodes share; a slow one needs a \
                       longer latency in [slurm]"
                    .to_owned(),
                may_pass: false,
            });
        }
        finished.end.map(Some).map_err(|message| Error::Worker {
            message: format!("{} was not started on its node: {message}", self.job.launch.stage),
            hint: "pipe and pipe-worker have to be at the same paths on this machine and all nodes".to_owned(),
        })
    }

    /// How the cluster has ended the job, if it has and the job left no result.
    fn state(&mut self, send: &mut EventSink<'_>) -> Result<Option<EndState>> {
        match self.job.scheduler.look(self.job.number, self.job.since, self.is_cancelled) {
            Seen::Nothing => {}
            Seen::NoAnswer(message) => self.report(format!("squeue gives no answer, so nothing is known: {message}")),
            Seen::Unknown if self.is_over(self.job.latency) => return Ok(Some(self.why(Withdrawal::Lost))),
            Seen::Unknown => {}
            Seen::Row(row) => match row.state {
                JobState::Waiting => self.waits(&row, send),
                JobState::Running => self.runs(&row, send),
                JobState::Ended(outcome) => return self.ended(outcome, &row),
            },
        }
        Ok(None)
    }

    fn ended(&mut self, outcome: JobOutcome, row: &Row) -> Result<Option<EndState>> {
        let patience = match outcome {
            JobOutcome::Completed | JobOutcome::Failed => self.job.latency,
            _ => LAST_RESULT,
        };
        if !self.is_over(patience) {
            return Ok(None);
        }
        self.log.note(&format!("slurm: job {} on {}: {outcome:?}", self.job.number, row.nodes));
        Ok(Some(match outcome {
            JobOutcome::Completed | JobOutcome::Failed if self.job.files.started().is_none() => {
                return Err(self.never_began(row));
            }
            JobOutcome::Completed | JobOutcome::Failed => self.why(Withdrawal::Died),
            JobOutcome::Cancelled => self.why(Withdrawal::Cancelled),
            JobOutcome::TimedOut => self.why(Withdrawal::TimeLimit),
            JobOutcome::OutOfMemory => EndState::OutOfMemory,
            JobOutcome::NodeFailed => self.why(Withdrawal::NodeFailed),
            JobOutcome::Preempted => self.why(Withdrawal::Preempted),
        }))
    }

    /// Whether the job's end was seen longer ago than `patience`.
    fn is_over(&mut self, patience: Duration) -> bool {
        let since = *self.ended.get_or_insert_with(Instant::now);
        self.job.files.refresh();
        self.pause = self.pause.min(LAST_RESULT / 2);
        since.elapsed() > patience
    }

    /// The end of a job that the cluster has ended; whatever it says of one that we have cancelled.
    fn why(&self, why: Withdrawal) -> EndState {
        if self.is_cancelled { EndState::Stopped } else { EndState::Withdrawn(why) }
    }

    fn never_began(&self, row: &Row) -> Error {
        let printed = std::fs::read_to_string(self.job.files.output()).unwrap_or_default();
        let printed = printed.lines().last().map(|line| format!("; it printed '{line}'")).unwrap_or_default();
        Error::Cluster {
            message: format!(
                "job {} of {} ended on {} before the attempt began{printed}",
                self.job.number, self.job.launch.stage, row.nodes
            ),
            hint: format!(
                "the node has to see {} and this program, at the same paths as this machine",
                self.job.files.folder().display()
            ),
            may_pass: false,
        }
    }

    fn waits(&mut self, row: &Row, send: &mut EventSink<'_>) {
        self.ended = None;
        let text = format!("job {} waits in the queue: {}", self.job.number, row.reason);
        if needs_the_user(&row.reason) && self.last_message != text {
            // A message that is not taken is in the log.
            drop(send(Event::Log { message: text.clone() }));
        }
        self.report(text);
    }

    fn runs(&mut self, row: &Row, send: &mut EventSink<'_>) {
        self.ended = None;
        self.report(format!("job {} runs on {}", self.job.number, row.nodes));
        let Some(Started { host, .. }) = self.job.files.started() else { return };
        // The node has locked the file before it wrote that it has started. It may just have ended.
        self.lock_found_free = if is_free(&self.job.files.lock()) { self.lock_found_free + 1 } else { 0 };
        if self.lock_found_free == LOCK_LOOKS {
            let message = format!(
                "locks of files on {host} are not seen on this machine: run pipe on this store from one machine only, or two \
                 may run the same stage; mount the file system of {} with flock to do without this limit",
                self.job.files.folder().display()
            );
            drop(send(Event::Log { message: self.log.line(&message) }));
        }
    }

    /// Adds a line to the log, unless it is the same as before.
    fn report(&mut self, text: String) {
        if self.last_message != text {
            self.log.note(&format!("slurm: {text}"));
            self.last_message = text;
        }
    }
}

/// How many looks in a row have to find the lock free.
const LOCK_LOOKS: usize = 5;

/// Whether a file that is there is locked by nobody.
fn is_free(path: &std::path::Path) -> bool {
    let file = File::options().read(true).write(true).open(path);
    file.is_ok_and(|file| !matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// An end of which only the state is known.
fn end(state: EndState) -> JobEnd {
    JobEnd { state, failure: None, reported_done: false, peak_memory: None, elsewhere: None }
}
