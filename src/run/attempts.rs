//! Running one stage: its attempts, and the keeping of what it made.

use crate::error::{Error, Result};
use crate::key::{Label, PortName};
use crate::plan::Program;
use crate::run::hold::Hold;
use crate::run::launch;
use crate::run::order::Order;
use crate::run::process::{self, Log};
use crate::store::{Action, Artifact, FORMAT, Lookup, Provenance, Store, now};
use contract::{Event, FailureKind};
use fs_err as fs;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What an executor tells the dispatcher.
#[derive(Debug)]
pub(crate) enum Word {
    /// The stage said something.
    Said(Event),
    /// The stage ended, and its result is kept or it failed.
    Ended(Box<Result<Finished>>),
}

/// A stage's kept result.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The record.
    pub(crate) action: Action,
    /// Whether this key led to something else before: the stage is not reproducible.
    pub(crate) differs: bool,
}

/// Runs a stage to its end and tells `words` about it.
pub(crate) fn execute(order: Order, store: &Store, hold: &Hold, words: &Sender<(NodeIndex, Word)>) {
    let stage = order.stage;
    let words = words.clone();
    let tell = move |word| {
        // The dispatcher may have gone after an interrupt.
        drop(words.send((stage, word)));
    };
    let ended = Execution { order: &order, store, hold }.run(&tell);
    store.release(order.lease);
    tell(Word::Ended(Box::new(ended)));
}

struct Execution<'a> {
    order: &'a Order,
    store: &'a Store,
    hold: &'a Hold,
}

impl Execution<'_> {
    fn run(&self, tell: &(dyn Fn(Word) + Sync)) -> Result<Finished> {
        let mut left = self.order.retries;
        let mut pause = Duration::from_secs(1);
        loop {
            match self.attempt(self.order.retries - left + 1, tell) {
                Err(error) if left > 0 && may_pass(&error) && !self.hold.is_stopped() => {
                    let message = format!("{error}; trying again in {} s, {left} more times at most", pause.as_secs());
                    tell(Word::Said(Event::Log { message }));
                    self.hold.sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(60));
                    left -= 1;
                }
                ended => return ended,
            }
        }
    }

    fn attempt(&self, number: usize, tell: &(dyn Fn(Word) + Sync)) -> Result<Finished> {
        let order = self.order;
        let folder = order.scratch.join(format!("attempt-{number}"));
        let folders: BTreeMap<String, PathBuf> =
            order.ports.iter().map(|port| (port.to_string(), folder.join("outputs").join(port.as_str()))).collect();
        for folder in folders.values() {
            fs::create_dir_all(folder).map_err(|error| Error::io("writing", folder, error))?;
        }
        let (started, clock) = (now(), Instant::now());
        let (start, secrets) = match &order.program {
            Program::Worker => (launch::worker(order, folders.clone()), Vec::new()),
            Program::Command(line) => (launch::command(order, line, &folder)?, launch::secrets(line)),
        };
        let secrets: Vec<String> = secrets.into_iter().map(|(_, text)| text.to_string_lossy().into_owned()).collect();
        let log = Log::open(&order.log, &secrets)?;
        let peak_memory = process::run(start, &order.name, &log, self.hold, &|event| tell(Word::Said(event)))?;
        for input in &order.reads {
            if let Some(path) = input.moved()? {
                // What was written to is no longer what its name says.
                self.store.distrust(input.path())?;
                return Err(Error::InputMoved { stage: order.name.to_string(), path });
            }
        }
        let provenance = Provenance {
            run: order.run.clone(),
            pipeline: order.pipeline.clone(),
            stage: Some(order.name.clone()),
            attempts: number,
            started,
            seconds: clock.elapsed().as_secs_f64(),
            host: order.host.clone(),
            threads: order.spec.threads,
            device: order.spec.device.clone(),
            gpus: order.gpus.clone(),
            hardware: Some(order.hardware.clone()),
            peak_memory,
        };
        self.keep(&folders, provenance)
    }

    fn keep(&self, folders: &BTreeMap<String, PathBuf>, provenance: Provenance) -> Result<Finished> {
        let (order, store) = (self.order, self.store);
        let mut outputs = BTreeMap::new();
        for (port, folder) in folders {
            let artifact: Artifact = store.seal(folder)?.map_err(|message| Error::Contract {
                stage: order.name.to_string(),
                message: format!("output '{port}': {message}"),
            })?;
            outputs.insert(PortName::new(port), artifact);
        }
        // From here to the record nothing may be removed: an artifact without a record looks like a left-over.
        let _share = store.share()?;
        // Looked up again: while the stage ran, another may have made the same content good.
        if let Lookup::Damaged { artifact, .. } = store.lookup(order.job.key)? {
            store.set_aside(order.job.key, artifact)?;
        }
        for (port, artifact) in &outputs {
            store.keep(&folders[port.as_str()], artifact)?;
        }
        let action =
            Action { format: FORMAT, key: order.job.key, manifest: order.job.manifest.clone(), outputs, provenance };
        let differs = store.record(&action)?.is_some();
        // Once the lease is given back, another run may make the same key anew with other content.
        order.needs.as_ref().map(|needs| needs.add_result(&action)).transpose()?;
        store.forget_checkpoint(order.job.key);
        Ok(Finished { action, differs })
    }
}

/// Whether trying again may help: not for inputs that are as they are, and not when the user or the store stopped it.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Killed { .. } | Error::OutOfMemory { .. } | Error::TimedOut { .. } => true,
        Error::Stage { failure, .. } => {
            matches!(failure.kind, FailureKind::Stage | FailureKind::Output | FailureKind::Device)
        }
        _ => false,
    }
}

/// The inputs of a spec: each port's paths by label.
pub(crate) type Inputs = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Adds a path to the inputs of a spec.
pub(crate) fn add_input(inputs: &mut Inputs, port: &PortName, label: &Label, path: PathBuf) {
    inputs.entry(port.to_string()).or_default().insert(label.as_str().to_owned(), path);
}
