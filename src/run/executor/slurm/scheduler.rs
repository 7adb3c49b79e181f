//! The states of all jobs of a run, asked for in one call, and their cancellation.

use crate::error::{Error, Result};
use crate::run::executor::slurm::id::{JobId, JobName};
use crate::run::executor::slurm::programs::ask;
use crate::run::executor::slurm::state::{ACCOUNTING_FORMAT, JobState, QUEUE_FORMAT, Row, accounting_rows, queue_rows};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two calls, when a job was cancelled and its end is waited for.
const SHORTEST: Duration = Duration::from_secs(2);

/// How many jobs one call cancels at most, so that its arguments stay short.
const CANCELLED_AT_ONCE: usize = 500;

/// What is known of jobs.
#[derive(Debug)]
pub(super) struct Scheduler {
    poll: Duration,
    /// Held by the thread that asks.
    asking: Mutex<()>,
    /// Held by the thread that submits, so that the controller gets one request after the other.
    pub(super) submitting: Mutex<()>,
    answers: Mutex<Answers>,
    to_cancel: Mutex<BTreeSet<JobId>>,
    has_accounting: OnceLock<bool>,
}

#[derive(Debug, Default)]
struct Answers {
    /// When it was asked last.
    asked: Option<Instant>,
    /// When the question was asked that `rows` answer.
    answered: Option<Instant>,
    rows: BTreeMap<JobId, Row>,
    /// Jobs that the queue does not have, with what accounting says of them and in how many answers they were missing.
    missing: BTreeMap<JobId, (Option<Row>, usize)>,
    /// Why there was no answer the last time.
    failure: Option<String>,
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing newer than the job: nothing follows from it.
    Nothing,
    /// There was no answer, for this reason: nothing follows from it.
    NoAnswer(String),
    /// What Slurm says of it.
    Row(Row),
    /// Several answers had nothing of it.
    Unknown,
}

impl Scheduler {
    /// A scheduler that is asked no more often than every `poll`.
    pub(super) fn new(poll: Duration) -> Self {
        Self {
            poll,
            asking: Mutex::default(),
            submitting: Mutex::default(),
            answers: Mutex::default(),
            to_cancel: Mutex::default(),
            has_accounting: OnceLock::new(),
        }
    }

    /// What is known of a job that is there since `since`. Asks if that is due and no other thread does; `is_urgent` makes
    /// it due sooner.
    pub(super) fn look(&self, job: JobId, since: Instant, is_urgent: bool) -> Seen {
        let pause = if is_urgent { SHORTEST.min(self.poll) } else { self.poll };
        if self.is_due(pause)
            && let Ok(_asking) = self.asking.try_lock()
            && self.is_due(pause)
        {
            self.ask();
        }
        let mut answers = self.answers();
        if answers.answered.is_none_or(|answered| answered < since) {
            return answers.failure.clone().map_or(Seen::Nothing, Seen::NoAnswer);
        }
        if let Some(row) = answers.rows.get(&job) {
            return Seen::Row(row.clone());
        }
        match answers.missing.entry(job).or_default() {
            (Some(row), _) => Seen::Row(row.clone()),
            (None, times) if *times > 1 => Seen::Unknown,
            _ => Seen::Nothing,
        }
    }

    /// The number of the newest job of this name, asked for at once.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) fn find(&self, name: &JobName) -> Result<Option<JobId>> {
        let JobName { name, element } = name;
        // A submission whose sender has just died may still be on its way.
        for pause in [Duration::ZERO, SHORTEST] {
            std::thread::sleep(pause);
            let found = queue(&["--name", name.as_str()]).map_err(|message| Error::Cluster {
                message: format!("squeue did not say whether the job {name} is there: {message}"),
                hint: "run again when the cluster answers; nothing was started".to_owned(),
                may_pass: true,
            })?;
            if let Some((JobId { job, .. }, _)) = found.into_iter().rfind(|(_, row)| row.name == *name) {
                return Ok(Some(JobId { job, element: *element }));
            }
        }
        Ok(None)
    }

    /// Cancels a job, together with all for which this was called meanwhile.
    pub(super) fn cancel(&self, job: JobId) {
        lock(&self.to_cancel).insert(job);
        // Whoever comes first takes those of all others; these find nothing left.
        let jobs: Vec<String> = std::mem::take(&mut *lock(&self.to_cancel)).iter().map(JobId::to_string).collect();
        for jobs in jobs.chunks(CANCELLED_AT_ONCE) {
            if let Err(message) = ask("scancel", jobs) {
                tracing::debug!("scancel {}: {message}", jobs.join(" "));
            }
        }
    }

    fn is_due(&self, pause: Duration) -> bool {
        self.answers().asked.is_none_or(|asked| asked.elapsed() >= pause)
    }

    /// Asks for all jobs of this user, and for those that are gone from the queue where accounting knows them.
    fn ask(&self) {
        let now = Instant::now();
        self.answers().asked = Some(now);
        let rows = match queue(&[]) {
            Ok(rows) => rows,
            Err(message) => {
                self.answers().failure = Some(message);
                return;
            }
        };
        let missing: Vec<JobId> = {
            let answers = self.answers();
            let unknown = answers.missing.iter().filter(|(job, (row, _))| row.is_none() && !rows.contains_key(job));
            unknown.map(|(job, _)| *job).collect()
        };
        let past = self.past(&missing);
        let mut answers = self.answers();
        for job in missing {
            let (row, times) = answers.missing.entry(job).or_default();
            *row = past.get(&job).filter(|row| matches!(row.state, JobState::Ended(_))).cloned();
            *times += 1;
        }
        (answers.rows, answers.answered, answers.failure) = (rows, Some(now), None);
    }

    /// What accounting says of jobs, where there is any.
    fn past(&self, jobs: &[JobId]) -> BTreeMap<JobId, Row> {
        let has_accounting = || {
            let settings = ask("scontrol", &["show", "config"]).unwrap_or_default();
            let line = settings.lines().find(|line| line.starts_with("AccountingStorageType"));
            line.is_some_and(|line| !line.ends_with("/none"))
        };
        if jobs.is_empty() || !*self.has_accounting.get_or_init(has_accounting) {
            return BTreeMap::new();
        }
        let numbers: Vec<String> = jobs.iter().map(JobId::to_string).collect();
        let (format, jobs) = (format!("--format={ACCOUNTING_FORMAT}"), format!("--jobs={}", numbers.join(",")));
        match ask("sacct", &["--noheader", "--parsable2", "--allocations", &format, &jobs]) {
            Ok(text) => accounting_rows(&text),
            Err(message) => {
                tracing::debug!("sacct: {message}");
                BTreeMap::new()
            }
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        lock(&self.answers)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The jobs of this user in the queue, with those that have ended a short time ago.
fn queue(more: &[&str]) -> std::result::Result<BTreeMap<JobId, Row>, String> {
    let user = format!("--user={}", rustix::process::getuid().as_raw());
    let format = format!("--format={QUEUE_FORMAT}");
    let arguments = [&["--noheader", "--array", "--states=all", &user, &format], more].concat();
    ask("squeue", &arguments).map(|text| queue_rows(&text))
}
