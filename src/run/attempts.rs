//! Running one stage: its attempts, and the keeping of what it made.

use crate::error::{Error, Result, Withdrawal, caught};
use crate::key::{Label, PortName};
use crate::run::checks::check;
use crate::run::executor::handle::StageHandle;
use crate::run::executor::log::StageLog;
use crate::run::executor::outcome::outcome;
use crate::run::executor::spec::LaunchSpec;
use crate::run::executor::{Elsewhere, Executor, Job, JobEnd};
use crate::run::launch::launch;
use crate::run::request::ExecutionRequest;
use crate::run::submitted::Submitted;
use crate::store::{Action, Artifact, FORMAT, Lookup, Provenance, Store, now};
use contract::{Event, FailureKind};
use petgraph::graph::NodeIndex;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

/// What is reported to the dispatcher of a stage that runs.
#[derive(Debug)]
pub(crate) enum StageEvent {
    /// The stage printed an event.
    Printed(Event),
    /// The stage ended, and its result is kept or it failed.
    Ended(Box<Result<Finished>>),
}

/// Where events of stages go. It holds so many that the dispatcher is never waited for in vain, and no more.
pub(crate) type StageEvents = SyncSender<(NodeIndex, StageEvent)>;

/// A stage's kept result.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The record.
    pub(crate) action: Action,
    /// Whether this key led to something else before: the stage is not reproducible.
    pub(crate) differs: bool,
}

/// Runs a stage to its end and sends events about it to `events`. The last event is that it ended, whatever happens.
pub(crate) fn run_stage(
    request: ExecutionRequest,
    executor: &dyn Executor,
    store: &Store,
    handle: &StageHandle,
    events: &StageEvents,
) {
    let stage = request.stage;
    let ended = caught(|| {
        let has_ended = Cell::new(false);
        Execution { request: &request, executor, store, handle, events, has_ended }.run()
    });
    handle.set(None);
    drop(caught(|| {
        drop(request.lease);
        Ok(())
    }));
    // The dispatcher may have gone.
    drop(events.send((stage, StageEvent::Ended(Box::new(ended)))));
}

/// An attempt that has ended.
struct Ended {
    launch: LaunchSpec,
    log: StageLog,
    end: JobEnd,
}

struct Execution<'a> {
    request: &'a ExecutionRequest,
    executor: &'a dyn Executor,
    store: &'a Store,
    handle: &'a StageHandle,
    events: &'a StageEvents,
    /// Whether an attempt was followed to its end, so that what is written down of it is of no more use.
    has_ended: Cell<bool>,
}

impl Execution<'_> {
    fn run(&self) -> Result<Finished> {
        let mut retries = self.request.retries;
        let mut resubmissions = self.request.resubmissions;
        let mut pause = Duration::from_secs(1);
        for number in 1.. {
            let ended = self.attempt(number);
            let is_left = self.handle.is_left() && matches!(ended, Err(Error::Interrupted { .. }));
            if self.has_ended.take() && !is_left {
                self.forget_job();
            }
            let (error, left) = match ended {
                Err(error) if !self.handle.is_stopped() => match retry(&error) {
                    Retry::OfStage if retries > 0 => (error, &mut retries),
                    Retry::OfCluster if resubmissions > 0 => (error, &mut resubmissions),
                    _ => return Err(error),
                },
                ended => return ended,
            };
            self.log(format!("{error}; trying again in {} s, {left} more times at most", pause.as_secs()));
            *left -= 1;
            self.handle.sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(60));
        }
        Err(Error::interrupted())
    }

    fn log(&self, message: String) {
        // The dispatcher may have gone.
        drop(self.events.send((self.request.stage, StageEvent::Printed(Event::Log { message }))));
    }

    fn attempt(&self, number: usize) -> Result<Finished> {
        let request = self.request;
        let (started, clock) = (now(), Instant::now());
        let Ended { launch, log, end } = self.execute(number)?;
        let (peak_memory, elsewhere) = (end.peak_memory, end.elsewhere.clone());
        outcome(&launch, &log, end)?;
        check(request, &launch, &log, &|message| self.log(message))?;
        for input in &request.reads {
            if let Some(path) = input.moved()? {
                // What was written to is no longer what its name says.
                self.store.distrust(input.path())?;
                return Err(Error::InputMoved { stage: request.name.to_string(), path });
            }
        }
        let provenance = Provenance {
            run: request.run.clone(),
            pipeline: request.pipeline.clone(),
            stage: Some(request.name.clone()),
            attempts: number,
            started,
            seconds: clock.elapsed().as_secs_f64(),
            host: request.host.clone(),
            threads: request.spec.threads,
            device: request.spec.device.clone(),
            gpus: request.resources.gpus.clone(),
            hardware: Some(request.hardware.clone()),
            peak_memory,
        };
        let provenance = match elsewhere {
            Some(Elsewhere { host, hardware, gpus, ran }) => {
                Provenance { host, hardware: Some(hardware), gpus, seconds: ran.as_secs_f64(), ..provenance }
            }
            None => provenance,
        };
        self.keep(&launch.outputs, provenance)
    }

    /// Runs the program of an attempt to its end, or waits for the end of one that a dead runner has left.
    fn execute(&self, number: usize) -> Result<Ended> {
        let (launch, job) = match self.left_behind()? {
            Some(found) => found,
            None => self.submit(number)?,
        };
        let secrets: Vec<String> =
            launch.secret_values().into_iter().map(|(_, value)| value.to_string_lossy().into_owned()).collect();
        let log = StageLog::open(&self.request.log, &secrets)?;
        self.handle.set(Some(Arc::clone(&job)));
        let stage = self.request.stage;
        let end = job.events(&log, &mut |event| match self.events.try_send((stage, StageEvent::Printed(event))) {
            Err(TrySendError::Full((_, StageEvent::Printed(event)))) => Some(event),
            _ => None,
        });
        self.has_ended.set(true);
        let end = end?;
        self.handle.set(None);
        Ok(Ended { launch, log, end })
    }

    /// The attempt that a runner has left that died, where it goes on.
    fn left_behind(&self) -> Result<Option<(LaunchSpec, Arc<dyn Job>)>> {
        if !self.executor.outlives_runner() {
            return Ok(None);
        }
        let Some(Submitted { id, launch }) = Submitted::read(&self.job_folder()) else { return Ok(None) };
        Ok(self.executor.attach(&launch, &id)?.map(|job| (launch, job)))
    }

    fn submit(&self, number: usize) -> Result<(LaunchSpec, Arc<dyn Job>)> {
        self.wait_for_checkpoint()?;
        let folder = if self.executor.outlives_runner() {
            self.forget_job();
            let folder = self.job_folder();
            std::path::absolute(&folder).map_err(|error| Error::io("reading", &folder, error))?
        } else {
            self.request.scratch.clone()
        };
        let launch = launch(self.request, number, &folder.join(format!("attempt-{number}")))?;
        if self.handle.is_stopped() {
            return Err(Error::interrupted());
        }
        // Before it is submitted: a runner that dies in between finds it again as well.
        if let Some(id) = self.executor.id(&launch) {
            Submitted { id, launch: launch.clone() }.write(&folder)?;
        }
        let job = self.executor.submit(&launch).inspect_err(|error| {
            // What may have been submitted all the same is looked for by the next attempt.
            if !matches!(error, Error::Cluster { may_pass: true, .. }) {
                self.forget_job();
            }
        })?;
        Ok((launch, job))
    }

    fn job_folder(&self) -> PathBuf {
        self.store.job_folder(self.request.job.key)
    }

    /// Removes what is written down of an attempt that has ended. What cannot be removed is removed before the next one.
    fn forget_job(&self) {
        if self.executor.outlives_runner() {
            drop(std::fs::remove_dir_all(self.job_folder()));
        }
    }

    /// Waits until no process of an earlier attempt, of a run that was killed, works in the checkpoint any more.
    fn wait_for_checkpoint(&self) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(50);
        let Some(checkpoint) = &self.request.spec.checkpoint else { return Ok(()) };
        let mut attempts = 0;
        while !self.executor.is_free(checkpoint) {
            if self.handle.is_stopped() {
                return Err(Error::interrupted());
            }
            attempts += 1;
            if attempts == 10 {
                self.log(format!(
                    "processes of an earlier run still work in {}; waiting for them to end",
                    checkpoint.display()
                ));
            }
            self.handle.sleep(PAUSE);
        }
        Ok(())
    }

    fn keep(&self, folders: &BTreeMap<String, PathBuf>, provenance: Provenance) -> Result<Finished> {
        let (request, store) = (self.request, self.store);
        let mut outputs = BTreeMap::new();
        for (port, folder) in folders {
            let artifact: Artifact = store.seal(folder)?.map_err(|message| Error::Contract {
                stage: request.name.to_string(),
                message: format!("output '{port}': {message}"),
            })?;
            outputs.insert(PortName::new(port), artifact);
        }
        // From here to the record nothing may be removed: an artifact without a record looks like a left-over.
        let _lock = store.lock_shared()?;
        // Looked up again: while the stage ran, another may have made the same content good.
        if let Lookup::Damaged { artifact, .. } = store.lookup_here(request.job.key)? {
            store.quarantine(request.job.key, artifact)?;
        }
        for (port, artifact) in &outputs {
            store.keep(&folders[port.as_str()], artifact)?;
        }
        let action = Action {
            format: FORMAT,
            key: request.job.key,
            manifest: request.job.manifest.clone(),
            outputs,
            provenance,
        };
        let differs = store.record(&action)?.is_some();
        // Once the lease is given back, another run may make the same key anew with other content.
        request.needs.as_ref().map(|needs| needs.add_result(&action)).transpose()?;
        store.forget_checkpoint(request.job.key);
        Ok(Finished { action, differs })
    }
}

/// Whether an attempt is tried again, and what counts how often.
enum Retry {
    /// Trying again does not help.
    Never,
    /// The stage is at fault: its `retries` count.
    OfStage,
    /// The cluster is: its resubmissions count.
    OfCluster,
}

/// Whether trying again may help: not for inputs that are as they are, and not when the user or the store stopped it.
fn retry(error: &Error) -> Retry {
    match error {
        Error::Killed { .. } | Error::OutOfMemory { .. } | Error::TimedOut { .. } => Retry::OfStage,
        Error::Stage { failure, .. }
            if matches!(failure.kind, FailureKind::Stage | FailureKind::Output | FailureKind::Device) =>
        {
            Retry::OfStage
        }
        Error::Withdrawn { why, .. } if why.is_of_cluster() => Retry::OfCluster,
        Error::Withdrawn { why: Withdrawal::TimeLimit | Withdrawal::Died, .. } => Retry::OfStage,
        Error::Cluster { may_pass: true, .. } => Retry::OfCluster,
        _ => Retry::Never,
    }
}

/// The inputs of a spec: each port's paths by label.
pub(crate) type Inputs = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Adds a path to the inputs of a spec.
pub(crate) fn add_input(inputs: &mut Inputs, port: &PortName, label: &Label, path: PathBuf) {
    inputs.entry(port.to_string()).or_default().insert(label.as_str().to_owned(), path);
}
