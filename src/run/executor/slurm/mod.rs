//! The executor that runs each attempt as a job of a Slurm cluster, which goes on when the runner dies.
//!
//! A job is `pipe job FOLDER` on a node. It runs the attempt as [`Local`](super::local::Local) would, and writes what the
//! attempt prints and how it ended to files in the folder, on a file system that the node and the runner share. The runner
//! follows these files. A result that is written there counts, whatever Slurm says of the job; what Slurm says decides only
//! about jobs that left none.

mod files;
mod gathering;
mod id;
mod job;
mod listing;
mod monitor;
mod node;
mod programs;
mod scheduler;
mod state;
mod submission;
mod tail;
#[cfg(test)]
mod tests;

pub(crate) use programs::missing_programs;

pub use node::{NodeArguments, run_on_node};

use crate::error::Result;
use crate::pipeline::SlurmEntry;
use crate::run::executor::local::checkpoint;
use crate::run::executor::spec::LaunchSpec;
use crate::run::executor::{Executor, Job};
use files::JobFiles;
use gathering::Gathering;
use id::{JobId, JobName};
use job::SlurmJob;
use scheduler::Scheduler;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use submission::name_of;

/// How often Slurm is asked for the states of jobs, unless the pipeline says otherwise.
const POLL: Duration = Duration::from_secs(10);

/// How long what a node has written may take until it is seen here, unless the pipeline says otherwise.
const LATENCY: Duration = Duration::from_secs(60);

/// The executor.
#[derive(Debug)]
pub(crate) struct Slurm {
    program: PathBuf,
    scheduler: Arc<Scheduler>,
    gathering: Gathering,
    latency: Duration,
}

impl Slurm {
    /// An executor with these settings. Jobs run `program`, which is this program, on their nodes.
    pub(crate) fn new(program: &Path, entry: &SlurmEntry) -> Self {
        Self {
            program: program.to_owned(),
            scheduler: Arc::new(Scheduler::new(entry.poll.unwrap_or(POLL))),
            gathering: Gathering::default(),
            latency: entry.latency.unwrap_or(LATENCY),
        }
    }

    fn job(&self, launch: &LaunchSpec, files: JobFiles, number: JobId) -> Arc<dyn Job> {
        Arc::new(SlurmJob::new(launch.clone(), files, number, Arc::clone(&self.scheduler), self.latency))
    }
}

impl Executor for Slurm {
    fn id(&self, launch: &LaunchSpec) -> Option<String> {
        Some(name_of(launch))
    }

    fn submit(&self, launch: &LaunchSpec) -> Result<Arc<dyn Job>> {
        let files = JobFiles::create(launch)?;
        let number = self.gathering.submit(&self.scheduler, launch, &files, &self.program)?;
        Ok(self.job(launch, files, number))
    }

    fn attach(&self, launch: &LaunchSpec, id: &str) -> Result<Option<Arc<dyn Job>>> {
        if id != name_of(launch) {
            return Ok(None);
        }
        let files = JobFiles::of(launch);
        let number = match files.number() {
            Some(number) => Some(number),
            None => {
                let own = || JobName { name: id.to_owned(), element: None };
                self.scheduler.find(&files.name().unwrap_or_else(own))?
            }
        };
        Ok(number.map(|number| self.job(launch, files, number)))
    }

    fn is_free(&self, checkpoint: &Path) -> bool {
        checkpoint::is_free(checkpoint)
    }

    fn outlives_runner(&self) -> bool {
        true
    }
}
