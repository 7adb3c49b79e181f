//! The files by which the runner and a node inform each other of an attempt, in a folder `.job` in that of the attempt.

use crate::error::{Error, Result};
use crate::fs::{Disk, durable};
use crate::run::executor::JobEnd;
use crate::run::executor::slurm::id::{JobId, JobName};
use crate::run::executor::slurm::listing::{FOLDER, Listing};
use crate::run::executor::spec::LaunchSpec;
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The folder and what is in it.
#[derive(Clone, Debug)]
pub(super) struct JobFiles(PathBuf);

/// What a node writes when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Started {
    /// The number of the job.
    pub(super) job: Option<JobId>,
    /// The node.
    pub(super) host: String,
}

/// What a node writes when the attempt has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finished {
    /// How it ended, or why it could not be started.
    pub(super) end: std::result::Result<JobEnd, String>,
    /// What is in the folders of its outputs.
    pub(super) outputs: Listing,
    /// The sizes of the files of events and of the log, in bytes.
    pub(super) events: u64,
    /// The size of the log.
    pub(super) log: u64,
}

impl JobFiles {
    /// Those of an attempt.
    pub(super) fn of(launch: &LaunchSpec) -> Self {
        Self(launch.folder.join(FOLDER))
    }

    /// Those in a folder.
    pub(super) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Makes the folder with what the node has to know, in place of that of an attempt that has ended.
    pub(super) fn create(launch: &LaunchSpec) -> Result<Self> {
        let files = Self::of(launch);
        if files.0.exists() {
            fs::remove_dir_all(&files.0).map_err(|error| Error::io("writing", &files.0, error))?;
        }
        let made = fs::create_dir(&files.0)
            .and_then(|()| fs::File::create(files.events()))
            .and_then(|_| fs::File::create(files.log()));
        made.map_err(|error| Error::io("writing", &files.0, error))?;
        files.write("launch.json", launch)?;
        Ok(files)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// What the node is to run.
    pub(super) fn launch(&self) -> std::result::Result<LaunchSpec, String> {
        let path = self.0.join("launch.json");
        let bytes = fs::read(&path).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The script of the job.
    pub(super) fn script(&self) -> PathBuf {
        self.0.join("job.sh")
    }

    /// What the job prints that is not of the attempt.
    pub(super) fn output(&self) -> PathBuf {
        self.0.join("slurm.out")
    }

    /// The events of the attempt, a line of JSON each.
    pub(super) fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    /// The log of the attempt.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The file that the node locks for as long as it runs the attempt.
    pub(super) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Notes the number of the job.
    pub(super) fn set_number(&self, number: JobId) -> Result<()> {
        self.write("number.json", &number)
    }

    /// The number of the job, once it was submitted or has begun.
    pub(super) fn number(&self) -> Option<JobId> {
        self.read("number.json").or_else(|| self.started()?.job)
    }

    /// Notes what the job will be found by, where that is not its own name: an element of an array.
    pub(super) fn set_name(&self, name: &JobName) -> Result<()> {
        self.write("name.json", name)
    }

    /// What the job is found by, where that was noted.
    pub(super) fn name(&self) -> Option<JobName> {
        self.read("name.json")
    }

    /// Notes that the attempt begins.
    pub(super) fn set_started(&self, started: &Started) -> Result<()> {
        self.write("started.json", started)
    }

    /// Where the attempt runs, once it has begun.
    pub(super) fn started(&self) -> Option<Started> {
        self.read("started.json")
    }

    /// Notes how the attempt ended.
    pub(super) fn set_finished(&self, finished: &Finished) -> Result<()> {
        self.write("finished.json", finished)
    }

    /// How the attempt ended, once it has.
    pub(super) fn finished(&self) -> Option<Finished> {
        self.read("finished.json")
    }

    /// Has a network file system look again for new names in the folder.
    pub(super) fn refresh(&self) {
        std::fs::read_dir(&self.0).into_iter().flatten().for_each(drop);
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| Error::Internal(format!("{name} of an attempt cannot be written as JSON: {error}")))?;
        durable::write(&Disk::default(), &self.0.join(name), &bytes)
    }

    /// A file that is not there, or that another version wrote, says nothing.
    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.0.join(name)).ok()?).ok()
    }
}
