//! The dispatcher: one thread that owns the state of every stage and puts all events in one order.
//!
//! ```text
//!            inputs known            slots and lease free             result kept
//! waiting ─────────────► wanted ──────────────────────► running ─────────────────► done
//!    │                     │  the store has it             │  it failed
//!    │                     └──────────────────► done       └──────────► failed
//!    └─ something upstream failed ─► skipped
//! ```

use crate::error::{Error, Result};
use crate::fs::FileLock;
use crate::inputs::Witness;
use crate::key::Key;
use crate::machine::Hardware;
use crate::machine::Machine;
use crate::plan::{Decision, Graph, Job, Node, Origin, Outputs, Planner, Reason, Selection, outputs_of};
use crate::run::attempts::{Finished, Inputs, Word, add_input, execute};
use crate::run::hold::Hold;
use crate::run::interrupt::Interrupt;
use crate::run::journal::Journal;
use crate::run::order::Order;
use crate::run::queue::{Queue, Running, Wanted};
use crate::run::slots::{Claim, Grant, Slots};
use crate::run::{Ending, Observer};
use crate::store::{Action, Lookup, Needs, Scratch, StageRecord, StageState, Store};
use contract::{Event, Spec};
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The worker.
    pub worker: PathBuf,
    /// This program, which holds commands on a leash.
    pub leash: PathBuf,
    /// How many stages may run at once.
    pub jobs: usize,
    /// Whether stages that do not depend on a failed one still run.
    pub keep_going: bool,
    /// The device for stages that name none.
    pub device: String,
    /// The arguments of the command line, for the record.
    pub arguments: Vec<String>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// The stages that ran.
    pub done: usize,
    /// The stages whose result was cached.
    pub cached: usize,
    /// The stages that failed.
    pub failed: usize,
    /// The stages that could not run because of another's failure.
    pub skipped: usize,
    /// The outputs of every stage that ran or was cached.
    pub outputs: BTreeMap<NodeIndex, Outputs>,
    /// The first failure, or the user's wish to end.
    pub failure: Option<Error>,
    /// Keeps the outputs in the store while they are being read.
    pub hold: Option<FileLock>,
}

/// Runs the stages in the planner's selection. After a failure, whatever was running has ended and what was finished is kept.
pub fn run(
    planner: &mut Planner<'_>,
    store: &Store,
    machine: &Machine,
    settings: &Settings,
    observer: &mut dyn Observer,
    interrupt: &Interrupt,
) -> Summary {
    let (sender, receiver) = channel();
    let needs = match store.needs() {
        Ok(needs) => needs,
        Err(error) => return Summary { failure: Some(error), ..Summary::default() },
    };
    let mut dispatcher = Dispatcher {
        journal: Journal::new(store, &planner.graph.pipeline, &settings.arguments, &machine.host),
        needs,
        graph: planner.graph,
        selection: planner.selection,
        store,
        machine,
        settings,
        observer,
        slots: Slots::new(machine, settings.jobs),
        queue: Queue::new(planner.graph, planner.selection),
        planner,
        known: BTreeMap::new(),
        scratch: None,
        sender,
        receiver,
        summary: Summary::default(),
        stopping: false,
    };
    dispatcher.go(interrupt)
}

struct Dispatcher<'a, 'p> {
    journal: Journal<'a>,
    needs: Needs,
    graph: &'a Graph,
    selection: &'a Selection,
    planner: &'a mut Planner<'p>,
    store: &'a Store,
    machine: &'a Machine,
    settings: &'a Settings,
    observer: &'a mut dyn Observer,
    slots: Slots,
    queue: Queue,
    known: BTreeMap<NodeIndex, Outputs>,
    scratch: Option<Scratch>,
    sender: Sender<(NodeIndex, Word)>,
    receiver: Receiver<(NodeIndex, Word)>,
    summary: Summary,
    /// Whether nothing more may start.
    stopping: bool,
}

impl Dispatcher<'_, '_> {
    fn go(&mut self, interrupt: &Interrupt) -> Summary {
        std::thread::scope(|threads| {
            loop {
                if interrupt.is_raised() && !self.stopping {
                    self.summary.failure = Some(Error::Interrupted);
                    self.stop();
                }
                self.decide();
                self.start(threads);
                if self.is_over() {
                    break;
                }
                if let Ok((stage, word)) = self.receiver.recv_timeout(Duration::from_millis(50)) {
                    self.hear(stage, word);
                }
            }
        });
        self.finish()
    }

    /// Decides for every stage whose inputs have become known.
    fn decide(&mut self) {
        const MANY: usize = 32;
        let mut ahead = 0;
        while !self.stopping
            && let Some(rank) = self.queue.ready.pop_first()
        {
            // Only while the lock that is held since the beginning keeps what is found.
            if ahead == 0 && self.queue.ready.len() >= MANY && !self.needs.is_written_down() {
                let stages: Vec<NodeIndex> =
                    std::iter::once(rank.1).chain(self.queue.ready.iter().map(|(_, stage)| *stage)).collect();
                self.planner.look_ahead(&stages, &self.known);
                ahead = stages.len();
            }
            ahead = ahead.saturating_sub(1);
            let stage = rank.1;
            match self.decide_one(stage) {
                Ok(Decision::Cached(action)) => self.cached(stage, &action),
                Ok(Decision::Run(job)) if !self.selection.runnable.contains(&stage) => {
                    let name = &self.graph.stages[stage].name;
                    let error = Error::Usage {
                        message: format!("'{name}' has no result to build on: {}", job.reason),
                        hint: Some("leave --only away to run what it needs as well".to_owned()),
                    };
                    self.fail(stage, None, 0.0, error);
                }
                Ok(Decision::Run(job)) => drop(self.queue.wanted.insert(rank, Wanted { job, said_busy: false })),
                Err(error) => self.fail(stage, None, 0.0, error),
            }
        }
    }

    /// Looks a stage up, and makes sure that what is found stays.
    fn decide_one(&mut self, stage: NodeIndex) -> Result<Decision> {
        let _share = if self.needs.is_written_down() { self.store.share()? } else { None };
        let decision = self.planner.decide(stage, &self.known)?;
        if let Decision::Cached(action) = &decision {
            self.needs.add_result(action)?;
        }
        Ok(decision)
    }

    /// What another process has just made, which stays.
    fn take_made(&mut self, key: Key) -> Result<Option<Box<Action>>> {
        let _share = if self.needs.is_written_down() { self.store.share()? } else { None };
        let Lookup::Hit(action) = self.store.lookup(key)? else { return Ok(None) };
        self.needs.add_result(&action)?;
        Ok(Some(action))
    }

    /// Starts every stage that fits and that no other process is running.
    fn start<'scope, 'env>(&mut self, threads: &'scope std::thread::Scope<'scope, 'env>)
    where
        Self: 'env,
    {
        let wanted: Vec<(usize, NodeIndex)> = self.queue.wanted.keys().copied().collect();
        for rank in wanted {
            // A stage that cannot be started stops the rest as well.
            if self.stopping || self.slots.is_full() {
                return;
            }
            if let Err(error) = self.start_one(rank, threads) {
                let job = self.queue.wanted.remove(&rank).map(|wanted| wanted.job);
                self.fail(rank.1, job.as_deref(), 0.0, error);
            }
        }
    }

    fn start_one<'scope, 'env>(
        &mut self,
        rank: (usize, NodeIndex),
        threads: &'scope std::thread::Scope<'scope, 'env>,
    ) -> Result<()>
    where
        Self: 'env,
    {
        let stage = rank.1;
        let Some(grant) = self.slots.take(&Claim::of(&self.graph.stages[stage], self.machine)) else { return Ok(()) };
        let order = match self.prepare(rank, &grant) {
            Ok(Some(order)) => order,
            nothing => {
                self.slots.give_back(grant);
                return nothing.map(drop);
            }
        };
        self.queue.wanted.remove(&rank);
        let (hold, job) = (Hold::default(), Box::new(order.job.clone()));
        let (store, words, handle) = (self.store.clone(), self.sender.clone(), hold.clone());
        let (name, reason) = (&self.graph.stages[stage].name, job.reason.to_string());
        self.observer.started(name, &reason);
        self.journal.started(name, &reason);
        threads.spawn(move || execute(order, &store, &handle, &words));
        self.queue.running.insert(stage, Running { grant, hold, since: Instant::now(), job });
        Ok(())
    }

    /// Takes the key's lease and makes everything ready. `None` when another process is at it, or has just finished it.
    fn prepare(&mut self, rank: (usize, NodeIndex), grant: &Grant) -> Result<Option<Order>> {
        let stage = rank.1;
        let Some(Wanted { job, said_busy }) = self.queue.wanted.get_mut(&rank) else { return Ok(None) };
        let key = job.key;
        self.store.prepare()?;
        let Some(lease) = self.store.lease(key)? else {
            if !std::mem::replace(said_busy, true) {
                let name = &self.graph.stages[stage].name;
                let message = match self.queue.running.iter().find(|(_, running)| running.job.key == key) {
                    Some((same, _)) => {
                        format!("{} is making the same; waiting for its result", self.graph.stages[*same].name)
                    }
                    None => "another pipe is running it; waiting for its result".to_owned(),
                };
                self.observer.waits(name, &message);
                // It may last, and whoever removes something does not wait for it.
                self.scratch()?;
            }
            return Ok(None);
        };
        let said_busy = *said_busy;
        // Another process may have finished it between the decision and the lease.
        let found = match self.decide_one(stage)? {
            Decision::Cached(action) => Some(action),
            // What was forced has just been made by another process.
            Decision::Run(job) if said_busy && job.reason == Reason::Forced => self.take_made(key)?,
            Decision::Run(job) => return self.order(stage, *job, grant, lease).map(Some),
        };
        self.store.release(lease);
        if let Some(action) = found {
            self.queue.wanted.remove(&rank);
            self.cached(stage, &action);
        }
        Ok(None)
    }

    fn order(&mut self, stage: NodeIndex, job: Job, grant: &Grant, lease: FileLock) -> Result<Order> {
        let graph = self.graph;
        let node = &graph.stages[stage];
        let scratch = self.scratch()?.attempt(node.name.as_str())?;
        self.needs.add_key(job.key)?;
        let spec = self.spec(node, &job, grant)?;
        Ok(Order {
            stage,
            name: node.name.clone(),
            pipeline: graph.pipeline.clone(),
            hardware: Hardware::here(&spec.device, !self.machine.gpus.is_empty()),
            spec,
            ports: node.description.outputs.iter().map(|port| crate::key::PortName::new(&port.name)).collect(),
            program: node.program.clone(),
            scratch,
            log: self.store.run_folder(self.journal.run()).join(format!("{}.log", node.name)),
            worker: self.settings.worker.clone(),
            leash: self.settings.leash.clone(),
            gpus: grant.gpus.clone(),
            reads: self.reads(stage)?,
            needs: self.needs.list(),
            run: self.journal.run().to_string(),
            host: self.machine.host.clone(),
            retries: node.retries,
            timeout: node.timeout,
            job,
            lease,
        })
    }

    /// The run's folder to write in, with all that belongs to a run that lasts.
    fn scratch(&mut self) -> Result<&Scratch> {
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => {
                let scratch = self.store.scratch(self.journal.run())?;
                self.journal.begin()?;
                self.needs.write_down(&scratch)?;
                scratch
            }
        };
        Ok(self.scratch.insert(scratch))
    }

    /// What the stage is about to read: outside files as they were when their digests were taken, artifacts as they are.
    fn reads(&self, stage: NodeIndex) -> Result<Vec<Witness>> {
        let mut reads = self.planner.outside_files(stage);
        for origin in self.graph.stages[stage].inputs.values() {
            if let Origin::Output { stage, port } = origin
                && let Some(digest) = self.known.get(stage).and_then(|outputs| outputs.get(port))
            {
                reads.push(Witness::of(&self.store.artifact(digest))?);
            }
        }
        Ok(reads)
    }

    fn spec(&self, node: &Node, job: &Job, grant: &Grant) -> Result<Spec> {
        let mut inputs = Inputs::new();
        for (entrance, origin) in &node.inputs {
            let path = match origin {
                Origin::Outside(path) => Some(path.clone()),
                Origin::Output { stage, port } => self
                    .known
                    .get(stage)
                    .and_then(|outputs| outputs.get(port))
                    .map(|digest| self.store.artifact(digest)),
            };
            if let Some(path) = path {
                add_input(&mut inputs, &entrance.port, &entrance.label, path);
            }
        }
        let checkpoint = node.description.checkpoints.then(|| self.store.checkpoint(job.key)).transpose()?;
        Ok(Spec {
            uses: node.description.name.clone(),
            parameters: node.parameters.clone(),
            inputs,
            outputs: BTreeMap::new(),
            seed: node.seed.unwrap_or(0),
            threads: grant.claim.threads,
            device: node.resources.device.clone().unwrap_or_else(|| self.settings.device.clone()),
            checkpoint,
        })
    }

    fn hear(&mut self, stage: NodeIndex, word: Word) {
        match word {
            Word::Said(event) => self.said(stage, &event),
            Word::Ended(result) => {
                let Some(running) = self.queue.running.remove(&stage) else { return };
                self.slots.give_back(running.grant);
                let seconds = running.since.elapsed().as_secs_f64();
                match *result {
                    Ok(finished) => self.done(stage, &finished, &running.job, seconds),
                    Err(error) => self.fail(stage, Some(&running.job), seconds, error),
                }
            }
        }
    }

    fn said(&mut self, stage: NodeIndex, event: &Event) {
        let name = &self.graph.stages[stage].name;
        self.observer.said(name, event);
        self.journal.said(name, event);
    }

    fn cached(&mut self, stage: NodeIndex, action: &Action) {
        self.summary.cached += 1;
        let record = self.record(stage, StageState::Cached, 0.0);
        self.end(stage, action, record, &Ending::Cached);
    }

    fn done(&mut self, stage: NodeIndex, finished: &Finished, job: &Job, seconds: f64) {
        self.summary.done += 1;
        let name = &self.graph.stages[stage].name;
        if finished.differs {
            let message = "it made something else than the last time with the same key: it is not reproducible";
            self.observer.waits(name, message);
            self.journal.waits(name, message);
        }
        let record = StageRecord {
            reason: Some(job.reason.to_string()),
            manifest: Some(job.manifest.clone()),
            ..self.record(stage, StageState::Done, seconds)
        };
        self.end(stage, &finished.action, record, &Ending::Done { seconds });
    }

    fn record(&self, stage: NodeIndex, status: StageState, seconds: f64) -> StageRecord {
        let stage = self.graph.stages[stage].name.clone();
        StageRecord { stage, status, key: None, reason: None, seconds, manifest: None }
    }

    fn end(&mut self, stage: NodeIndex, action: &Action, record: StageRecord, ending: &Ending<'_>) {
        let name = &self.graph.stages[stage].name;
        if let Err(error) = self.store.link(&self.graph.pipeline, name, action) {
            tracing::warn!("the links of {name} could not be set: {error}");
        }
        self.observer.ended(name, ending);
        self.journal.ended(name, ending);
        self.journal.add(StageRecord { key: Some(action.key), ..record });
        self.known.insert(stage, outputs_of(action));
        self.queue.is_known(self.graph, stage);
    }

    fn fail(&mut self, stage: NodeIndex, job: Option<&Job>, seconds: f64, error: Error) {
        if matches!(error, Error::Interrupted) {
            // It ended because we stopped it, which is no failure of its own.
            self.skip(stage);
            return;
        }
        self.summary.failed += 1;
        let name = &self.graph.stages[stage].name;
        let ending = Ending::Failed { error: &error, seconds };
        self.observer.ended(name, &ending);
        self.journal.ended(name, &ending);
        self.journal.add(StageRecord {
            key: job.map(|job| job.key),
            reason: Some(error.to_string()),
            manifest: job.map(|job| job.manifest.clone()),
            ..self.record(stage, StageState::Failed, seconds)
        });
        self.summary.failure.get_or_insert(error);
        if !self.settings.keep_going {
            self.stop();
        }
    }

    fn skip(&mut self, stage: NodeIndex) {
        self.summary.skipped += 1;
        let name = &self.graph.stages[stage].name;
        self.observer.ended(name, &Ending::Skipped);
        self.journal.ended(name, &Ending::Skipped);
        self.journal.add(self.record(stage, StageState::Skipped, 0.0));
    }

    /// Stops what runs and starts nothing more.
    fn stop(&mut self) {
        self.stopping = true;
        for running in self.queue.running.values() {
            running.hold.stop();
        }
    }

    fn is_over(&self) -> bool {
        let Queue { ready, wanted, running, .. } = &self.queue;
        running.is_empty() && (self.stopping || wanted.is_empty() && ready.is_empty())
    }

    fn finish(&mut self) -> Summary {
        self.planner.save();
        for stage in self.queue.left() {
            self.skip(stage);
        }
        // What the run needs stays until its record says so, and until whoever asked for the run has read it.
        match self.needs.hold(self.store) {
            Ok(hold) => self.summary.hold = hold,
            Err(error) => tracing::warn!("the store could not be locked: {error}"),
        }
        self.store.touch(&self.graph.pipeline);
        // The record ends before the run's lock goes, so that nobody takes a run that ends for one that was killed.
        self.journal.end(self.summary.failure.as_ref().map_or(0, Error::exit_code));
        self.scratch = None;
        self.summary.outputs = std::mem::take(&mut self.known);
        std::mem::take(&mut self.summary)
    }
}
