//! Every way in which `pipe` can fail, each class with its exit code.
//!
//! An error says what was found, where, and what was expected; its hint says what to do. `docs/reference/exit-codes.md` lists the
//! classes for users.

mod limits;
mod panics;
mod withdrawal;

pub use panics::{caught, remember_panics};
pub use withdrawal::Withdrawal;

use crate::source::Place;
use contract::Failure;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of anything the runner does.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure of the runner, by class.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No pipeline file of that name.
    #[error("there is no pipeline '{asked}'")]
    PipelineNotFound {
        /// What the user gave.
        asked: String,
        /// Where it was looked for.
        looked: Vec<PathBuf>,
        /// The hint at a pipeline with a name like it.
        near: Option<String>,
    },
    /// The file is not TOML, or not a pipeline.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// What to do.
        hint: Option<String>,
    },
    /// The stages do not make a graph: an unknown stage or port, kinds that differ, a cycle.
    #[error("{message}")]
    Graph {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// What to do.
        hint: Option<String>,
    },
    /// A parameter that does not exist, or with a value that it cannot have.
    #[error("{message}")]
    Parameter {
        /// What is wrong.
        message: String,
        /// Where.
        place: Place,
        /// What to do.
        hint: Option<String>,
    },
    /// Files or devices that the pipeline needs are not there.
    #[error("{}", missing_text(.0))]
    Missing(Vec<String>),
    /// An input, or something in it, that is of no use as one.
    #[error("{} {problem}", path.display())]
    Unusable {
        /// What it is.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A folder that is an input has the store in it.
    #[error("the input {} holds the store {}, so every run would change it", input.display(), store.display())]
    InputHoldsStore {
        /// The folder.
        input: PathBuf,
        /// The store.
        store: PathBuf,
    },
    /// No results to show.
    #[error("{0}")]
    NoResults(String),
    /// An input changed while a stage read it.
    #[error("{} changed while {stage} was reading it; nothing was stored", path.display())]
    InputMoved {
        /// The stage.
        stage: String,
        /// The input.
        path: PathBuf,
    },
    /// A stage reported a failure.
    #[error("{stage} failed: {}", failure.message)]
    Stage {
        /// The stage.
        stage: String,
        /// Its message.
        failure: Failure,
        /// Its log.
        log: PathBuf,
    },
    /// A stage ended without an event: killed, or out of memory.
    #[error("{stage} was ended by {how}")]
    Killed {
        /// The stage.
        stage: String,
        /// The signal.
        how: String,
        /// Its log.
        log: PathBuf,
    },
    /// A stage was ended by the system because it ran out of memory.
    #[error("{stage} was ended by the system: the machine ran out of memory")]
    OutOfMemory {
        /// The stage.
        stage: String,
        /// Its log.
        log: PathBuf,
    },
    /// A stage took longer than it may.
    #[error("{stage} took longer than its timeout of {} s and was ended", limit.as_secs())]
    TimedOut {
        /// The stage.
        stage: String,
        /// How long it may take.
        limit: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// The cluster ended the job of a stage.
    #[error("{stage} {why}")]
    Withdrawn {
        /// The stage.
        stage: String,
        /// Why.
        why: Withdrawal,
        /// Its log.
        log: PathBuf,
    },
    /// A program of the cluster refused something or did not answer, or a node does not see what it has to.
    #[error("{message}")]
    Cluster {
        /// What was asked and what was answered.
        message: String,
        /// What to do.
        hint: String,
        /// Whether trying again may help.
        may_pass: bool,
    },
    /// A file system on which files cannot be locked.
    #[error("{} cannot be locked: {source}", path.display())]
    NoLocks {
        /// The file.
        path: PathBuf,
        /// The message of the system.
        source: io::Error,
    },
    /// A stage ended well but did not write what it declares.
    #[error("{stage} did not keep its contract: {message}")]
    Contract {
        /// The stage.
        stage: String,
        /// What is missing or too much.
        message: String,
    },
    /// The store's folder cannot be written.
    #[error("the store at {} cannot be written: {source}", path.display())]
    StoreNotWritable {
        /// The folder or file.
        path: PathBuf,
        /// The message of the system.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space is left for {}", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure to read or write the store or a file.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The message of the system.
        source: io::Error,
    },
    /// The worker is not there, or does not answer as it should.
    #[error("{message}")]
    Worker {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The worker could not answer a question, for a reason that lies in what was asked.
    #[error("{}", .0.message)]
    Answer(Failure),
    /// The remote, in which several machines share results.
    #[error("the remote {url}: {message}")]
    Remote {
        /// Where it is.
        url: String,
        /// What is at fault.
        fault: RemoteFault,
        /// What happened.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Something in the store is damaged.
    #[error("{message}")]
    Damaged {
        /// What.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The pipeline is not what its lock says.
    #[error("the pipeline is not what {} says:\n  {}", lock.display(), differences.join("\n  "))]
    Locked {
        /// The lock.
        lock: PathBuf,
        /// What differs, a line each.
        differences: Vec<String>,
    },
    /// Stages did not make the same again.
    #[error("not reproduced: {}", .0.join("\n  "))]
    NotReproduced(Vec<String>),
    /// The system refused something because a limit of it is reached.
    #[error("{message}")]
    Limit {
        /// What was refused, and which limit is reached.
        message: String,
        /// What to do.
        hint: &'static str,
    },
    /// A bug in this program.
    #[error("pipe has a bug: {0}")]
    Internal(String),
    /// The user asked for an end.
    #[error("interrupted; finished stages are kept{}", left_text(.checkpoints, .jobs))]
    Interrupted {
        /// The stages that were running and have a checkpoint.
        checkpoints: Vec<String>,
        /// The stages whose jobs go on in a cluster.
        jobs: Vec<String>,
    },
    /// Arguments that contradict each other or name nothing.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// What is at fault when a remote fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteFault {
    /// What the user has set: the URL, the credentials, the bucket. It fails until it is changed.
    Settings,
    /// The way to it, or its server. It may pass.
    Connection,
    /// The content of an object.
    Damage,
    /// A file of this machine.
    Local,
}

impl Error {
    /// The user asked for an end while nothing was running that has a checkpoint.
    pub(crate) fn interrupted() -> Self {
        Self::Interrupted { checkpoints: Vec::new(), jobs: Vec::new() }
    }

    /// A failure to do something with a file; a full disk and a folder that cannot be written have classes of their own.
    pub fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        if let Some((limit, hint)) = limits::reached(&source) {
            return Self::Limit { message: format!("{doing} {}: {limit}", path.display()), hint };
        }
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied if doing.starts_with("writ") => {
                Self::StoreNotWritable { path, source }
            }
            _ => Self::Io { doing, path, source },
        }
    }

    /// A program that cannot be started. What the system refused because of a limit has a class of its own; for all else
    /// `hint` says what to do.
    pub(crate) fn starting(program: &Path, source: &io::Error, hint: &str) -> Self {
        if let Some((limit, hint)) = limits::reached(source) {
            return Self::Limit { message: format!("{} cannot be started: {limit}", program.display()), hint };
        }
        let message = format!("{} cannot be started: {source}", program.display());
        Self::Worker { message, hint: hint.to_owned() }
    }

    /// What only a worker does that was built from other sources than this program.
    pub(crate) fn other_sources(message: String) -> Self {
        Self::Worker { message, hint: "build pipe and pipe-worker from the same sources".to_owned() }
    }

    /// The limit of the system that a message of another process means, if it means one.
    pub(crate) fn limit_in(message: &str) -> Option<Self> {
        let (limit, hint) = limits::reached_in(message)?;
        Some(Self::Limit { message: format!("{message}: {limit}"), hint })
    }

    /// An input that changed while its digest was taken.
    pub(crate) fn moved(path: &Path) -> Self {
        Self::InputMoved { stage: "pipe".to_owned(), path: path.to_owned() }
    }

    /// The exit code of this class.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => 2,
            Self::PipelineNotFound { .. } => 10,
            Self::Syntax { .. } => 11,
            Self::Graph { .. } => 12,
            Self::Parameter { .. } => 13,
            Self::Missing(_) | Self::Unusable { .. } | Self::InputHoldsStore { .. } => 14,
            Self::NoResults(_) => 15,
            Self::InputMoved { .. } => 16,
            Self::Locked { .. } => 17,
            Self::NotReproduced(_) => 18,
            Self::Stage { failure, .. } | Self::Answer(failure) => failure.kind.exit_code(),
            Self::Contract { .. } => 30,
            Self::Withdrawn { why, .. } => why.exit_code(),
            Self::Killed { .. } => 31,
            Self::OutOfMemory { .. } => 32,
            Self::TimedOut { .. } => 33,
            Self::StoreNotWritable { .. } => 40,
            Self::DiskFull { .. } => 41,
            Self::Io { .. } | Self::NoLocks { .. } => 42,
            Self::Worker { .. } => 43,
            Self::Damaged { .. } => 44,
            Self::Limit { .. } => 45,
            Self::Cluster { .. } => 46,
            Self::Remote { .. } => 47,
            Self::Internal(_) => 70,
            Self::Interrupted { .. } => 130,
        }
    }

    /// The way out, where there is one to name.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PipelineNotFound { near: Some(near), .. } => Some(format!("{near} `pipe list` lists the pipelines here")),
            Self::PipelineNotFound { looked, .. } => Some(format!(
                "looked for {}; give a path, or a name of a file in a folder 'pipelines' here or above (`pipe list`)",
                looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
            )),
            Self::Syntax { hint, .. } | Self::Graph { hint, .. } | Self::Parameter { hint, .. } => hint.clone(),
            Self::Usage { hint, .. } | Self::Damaged { hint, .. } | Self::Remote { hint, .. } => hint.clone(),
            Self::Unusable { .. } => Some("take it out of the folder, or name another input".to_owned()),
            Self::InputHoldsStore { .. } => {
                Some("name a folder without the store, or another store with --store or PIPE_STORE".to_owned())
            }
            Self::Locked { .. } => {
                Some("undo the change, or run the pipeline, write its lock anew with `pipe lock`, and commit it".to_owned())
            }
            Self::NotReproduced(_) => Some(
                "look for what the stage uses besides its inputs, parameters and seed: time, random numbers, the order of threads"
                    .to_owned(),
            ),
            Self::InputMoved { .. } => Some("run again when nothing writes to it any more".to_owned()),
            Self::Stage { failure, log, .. } => Some(match &failure.hint {
                Some(hint) => format!("{hint} (log: {})", log.display()),
                None => format!("the whole log is {}", log.display()),
            }),
            Self::Withdrawn { why, log, .. } => Some(format!("{} (log: {})", why.hint(), log.display())),
            Self::NoLocks { .. } => Some(
                "put the store on a file system with flock: a local disk, NFS 4, or Lustre that is mounted with -o flock".to_owned(),
            ),
            Self::Killed { log, .. } => Some(format!("the log is {}", log.display())),
            Self::OutOfMemory { log, .. } => Some(format!(
                "make its batch smaller, or give resources = {{ memory = \"...\" }} so that less runs beside it (log: {})",
                log.display()
            )),
            Self::TimedOut { log, .. } => {
                Some(format!("raise its timeout, or see why it is slow (log: {})", log.display()))
            }
            Self::Contract { .. } => Some("this is a fault of the stage; nothing was stored".to_owned()),
            Self::StoreNotWritable { .. } => {
                Some("make it writable, or choose another store with --store or PIPE_STORE".to_owned())
            }
            Self::DiskFull { .. } => Some("free some space and run again: what was finished is kept".to_owned()),
            Self::Answer(failure) => failure.hint.clone(),
            Self::Worker { hint, .. } | Self::Cluster { hint, .. } => Some(hint.clone()),
            Self::Limit { hint, .. } => Some((*hint).to_owned()),
            Self::Internal(_) => Some(
                "please report it with this message and the pipeline file; what was finished is kept, run again".to_owned(),
            ),
            Self::Missing(missing) if missing.iter().any(|entry| entry.contains("PIPE_DATA")) => Some(
                "PIPE_DATA names the folder of the data; docs/guides/data.md says which files each pipeline needs, and where they \
                 are published"
                    .to_owned(),
            ),
            Self::Missing(_) | Self::NoResults(_) | Self::Io { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// The log of the stage at fault, where it has one.
    pub(crate) fn log_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Stage { log, .. }
            | Self::Killed { log, .. }
            | Self::OutOfMemory { log, .. }
            | Self::TimedOut { log, .. }
            | Self::Withdrawn { log, .. } => Some(log),
            _ => None,
        }
    }

    /// Where in the pipeline file the fault is, for those that are in one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Syntax { place, .. } | Self::Graph { place, .. } | Self::Parameter { place, .. } => Some(place),
            _ => None,
        }
    }
}

fn left_text(checkpoints: &[String], jobs: &[String]) -> String {
    match (checkpoints, jobs) {
        ([], []) => ", those that were running start again in the next run".to_owned(),
        (names, []) => format!("; the next run of {} goes on from its checkpoint", names.join(", ")),
        (_, names) => format!("; jobs go on that the next run waits for: {}", names.join(", ")),
    }
}

fn missing_text(missing: &[String]) -> String {
    let things = if missing.len() == 1 { "one thing is" } else { "some things are" };
    format!("{things} missing:\n  {}", missing.join("\n  "))
}
