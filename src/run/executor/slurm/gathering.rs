//! Submissions that come at about the same time, such as those of the points of a sweep: what asks for the same is submitted as one
//! array of jobs.

use crate::error::{Error, Result};
use crate::run::executor::slurm::files::JobFiles;
use crate::run::executor::slurm::id::JobId;
use crate::run::executor::slurm::scheduler::Scheduler;
use crate::run::executor::slurm::submission::{Attempt, kind_of, submit};
use crate::run::executor::spec::LaunchSpec;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the first submission waits for others.
const PAUSE: Duration = Duration::from_millis(300);

/// How many jobs an array has at most; clusters allow 1,000 unless they say otherwise.
const LARGEST: usize = 500;

/// What a refusal has that is about the number of jobs: fewer may be taken.
const LIMITED: &str = "Submit";

/// The submissions that wait for each other.
#[derive(Debug, Default)]
pub(super) struct Gathering(Mutex<Vec<Waiting>>);

#[derive(Debug)]
struct Waiting {
    attempt: Attempt,
    answer: Sender<Result<JobId>>,
}

impl Gathering {
    /// Submits the job of an attempt, with others that ask for the same, and gives its number.
    ///
    /// # Errors
    /// [`Error::Cluster`] when it is refused; then there is no job.
    pub(super) fn submit(
        &self,
        scheduler: &Scheduler,
        launch: &LaunchSpec,
        files: &JobFiles,
        program: &Path,
    ) -> Result<JobId> {
        let (answer, number) = channel();
        let waiting = Waiting { attempt: Attempt { launch: launch.clone(), files: files.clone() }, answer };
        let is_first = {
            let mut all = self.lock();
            all.push(waiting);
            all.len() == 1
        };
        if is_first {
            std::thread::sleep(PAUSE);
            let all = std::mem::take(&mut *self.lock());
            submit_all(scheduler, all, program);
        }
        number.recv().map_err(|_| Error::Internal("a submission was lost".to_owned()))?
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn submit_all(scheduler: &Scheduler, all: Vec<Waiting>, program: &Path) {
    let mut kinds: BTreeMap<Vec<String>, Vec<Waiting>> = BTreeMap::new();
    for waiting in all {
        kinds.entry(kind_of(&waiting.attempt.launch)).or_default().push(waiting);
    }
    for alike in kinds.into_values() {
        for part in alike.chunks(LARGEST) {
            submit_alike(scheduler, part, program);
        }
    }
}

/// Submits those that ask for the same: as an array, or one by one where that is refused.
fn submit_alike(scheduler: &Scheduler, alike: &[Waiting], program: &Path) {
    let attempts: Vec<&Attempt> = alike.iter().map(|waiting| &waiting.attempt).collect();
    match submit(scheduler, &attempts, program) {
        Ok(numbers) => {
            for (waiting, number) in alike.iter().zip(numbers) {
                // Nobody takes it when the run was stopped meanwhile.
                drop(waiting.answer.send(Ok(number)));
            }
        }
        Err(error) if alike.len() == 1 => drop(alike[0].answer.send(Err(error))),
        // Nobody answers, so it would be the same for each.
        Err(Error::Cluster { message, hint, may_pass: true }) if !message.contains(LIMITED) => {
            for waiting in alike {
                let (message, hint) = (message.clone(), hint.clone());
                drop(waiting.answer.send(Err(Error::Cluster { message, hint, may_pass: true })));
            }
        }
        Err(error) => {
            tracing::debug!("an array of {} jobs was refused, so they are submitted one by one: {error}", alike.len());
            alike.iter().for_each(|one| submit_alike(scheduler, std::slice::from_ref(one), program));
        }
    }
}
