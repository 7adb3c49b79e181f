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
use crate::names::{RunId, StageName};
use crate::plan::{Decision, Graph, Job, Node, Origin, Outputs, Planner, Selection, outputs_of};
use crate::run::executor::{Finished, Hold, Inputs, Order, Word, add_input, execute};
use crate::run::interrupt::Interrupt;
use crate::run::machine::Machine;
use crate::run::record::{self, RunRecord, StageRecord};
use crate::run::slots::{Claim, Slots};
use crate::show::{Ending, Observer};
use crate::store::{Action, FileLock, Index as _, Scratch, Store};
use contract::Spec;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The worker.
    pub worker: PathBuf,
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
    pub ran: usize,
    /// The stages whose result was there.
    pub hit: usize,
    /// The stages that failed.
    pub failed: usize,
    /// The stages that could not run because of another's failure.
    pub skipped: usize,
    /// The first failure, or the user's wish to end.
    pub failure: Option<Error>,
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
    let run = record::new_run_id();
    let (sender, receiver) = channel();
    let mut dispatcher = Dispatcher {
        run,
        graph: planner.graph,
        selection: planner.selection,
        planner,
        store,
        machine,
        settings,
        observer,
        slots: Slots::new(machine, settings.jobs),
        states: BTreeMap::new(),
        known: BTreeMap::new(),
        scratch: None,
        sender,
        receiver,
        summary: Summary::default(),
        records: Vec::new(),
        started: (record::now(), Instant::now()),
        stopping: false,
    };
    dispatcher.go(interrupt)
}

enum State {
    /// Something that it uses is not known yet.
    Waiting,
    /// It is to run, when it fits.
    Wanted { job: Box<Job>, said_busy: bool },
    /// It runs.
    Running { claim: Claim, hold: Hold, since: Instant, reason: String },
    /// It ended, well or not.
    Ended,
}

struct Dispatcher<'a, 'p> {
    run: RunId,
    graph: &'a Graph,
    selection: &'a Selection,
    planner: &'a mut Planner<'p>,
    store: &'a Store,
    machine: &'a Machine,
    settings: &'a Settings,
    observer: &'a mut dyn Observer,
    slots: Slots,
    states: BTreeMap<NodeIndex, State>,
    known: BTreeMap<NodeIndex, Outputs>,
    scratch: Option<Scratch>,
    sender: Sender<(StageName, Word)>,
    receiver: Receiver<(StageName, Word)>,
    summary: Summary,
    records: Vec<StageRecord>,
    started: (u64, Instant),
    /// Whether nothing more may start.
    stopping: bool,
}

impl Dispatcher<'_, '_> {
    fn go(&mut self, interrupt: &Interrupt) -> Summary {
        self.states = self.selection.scope.iter().map(|stage| (*stage, State::Waiting)).collect();
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
                    self.hear(&stage, word);
                }
            }
        });
        self.finish()
    }

    /// Decides for every stage whose inputs have become known.
    fn decide(&mut self) {
        while let Some(stage) = self.next_decidable() {
            match self.planner.decide(stage, &self.known) {
                Ok(Decision::Hit(action)) => self.hit(stage, &action),
                Ok(Decision::Run(job)) if !self.selection.runnable.contains(&stage) => {
                    let name = &self.graph.stages[stage].name;
                    let error = Error::Usage {
                        message: format!("'{name}' has no result to build on: {}", job.reason),
                        hint: Some("leave --only away to run what it needs as well".to_owned()),
                    };
                    self.fail(stage, 0.0, error);
                }
                Ok(Decision::Run(job)) => drop(self.states.insert(stage, State::Wanted { job, said_busy: false })),
                Err(error) => self.fail(stage, 0.0, error),
            }
        }
    }

    fn next_decidable(&self) -> Option<NodeIndex> {
        self.graph.order.iter().copied().find(|stage| {
            !self.stopping
                && matches!(self.states.get(stage), Some(State::Waiting))
                && self.upstream(*stage).all(|upstream| self.known.contains_key(&upstream))
        })
    }

    fn upstream(&self, stage: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        self.graph.stages.neighbors_directed(stage, petgraph::Direction::Incoming)
    }

    /// Starts every stage that fits and that no other process is running.
    fn start<'scope, 'env>(&mut self, threads: &'scope std::thread::Scope<'scope, 'env>)
    where
        Self: 'env,
    {
        let wanted: Vec<NodeIndex> = self.graph.order.iter().copied().filter(|stage| self.is_wanted(*stage)).collect();
        for stage in wanted {
            // A stage that cannot be started stops the rest as well.
            if self.stopping {
                return;
            }
            if let Err(error) = self.start_one(stage, threads) {
                self.fail(stage, 0.0, error);
            }
        }
    }

    fn is_wanted(&self, stage: NodeIndex) -> bool {
        matches!(self.states.get(&stage), Some(State::Wanted { .. }))
    }

    fn start_one<'scope, 'env>(
        &mut self,
        stage: NodeIndex,
        threads: &'scope std::thread::Scope<'scope, 'env>,
    ) -> Result<()>
    where
        Self: 'env,
    {
        let claim = Claim::of(&self.graph.stages[stage], self.machine);
        if !self.slots.take(claim) {
            return Ok(());
        }
        match self.prepare(stage, claim) {
            Ok(Some((order, reason))) => {
                let hold = Hold::default();
                let (store, words, handle) =
                    (Store::new(self.store.root().to_owned()), self.sender.clone(), hold.clone());
                self.observer.started(&self.graph.stages[stage].name, &reason);
                threads.spawn(move || execute(order, &store, &handle, &words));
                self.states.insert(stage, State::Running { claim, hold, since: Instant::now(), reason });
                Ok(())
            }
            Ok(None) => {
                self.slots.give_back(claim);
                Ok(())
            }
            Err(error) => {
                self.slots.give_back(claim);
                Err(error)
            }
        }
    }

    /// Takes the key's lease and makes everything ready. `None` when another process is at it, or has just finished it.
    fn prepare(&mut self, stage: NodeIndex, claim: Claim) -> Result<Option<(Order, String)>> {
        let Some(State::Wanted { job, said_busy }) = self.states.get_mut(&stage) else { return Ok(None) };
        self.store.prepare()?;
        let Some(lease) = self.store.lease(job.key)? else {
            if !std::mem::replace(said_busy, true) {
                let name = &self.graph.stages[stage].name;
                self.observer.waits(name, "another pipe is running it; waiting for its result");
            }
            return Ok(None);
        };
        let said_busy = *said_busy;
        // Another process may have finished it between the decision and the lease.
        match self.planner.decide(stage, &self.known)? {
            Decision::Hit(action) => {
                lease.remove();
                self.hit(stage, &action);
                Ok(None)
            }
            Decision::Run(job) if said_busy && job.reason == crate::plan::Reason::Forced => {
                // What was asked for again has just been made again.
                let digest = self.store.lookup(job.key)?;
                lease.remove();
                if let crate::store::Lookup::Hit(action) = digest {
                    self.hit(stage, &action);
                }
                Ok(None)
            }
            Decision::Run(job) => {
                let reason = job.reason.to_string();
                Ok(Some((self.order(stage, *job, claim, lease)?, reason)))
            }
        }
    }

    fn order(&mut self, stage: NodeIndex, job: Job, claim: Claim, lease: FileLock) -> Result<Order> {
        let graph = self.graph;
        let node = &graph.stages[stage];
        if self.scratch.is_none() {
            self.scratch = Some(self.store.scratch(&self.run)?);
        }
        let scratch = self.scratch.as_ref().map(|scratch| scratch.attempt(node.name.as_str())).transpose()?;
        let folder = self.store.run_folder(&self.run);
        fs_err::create_dir_all(&folder).map_err(|error| Error::io("writing", &folder, error))?;
        Ok(Order {
            stage: node.name.clone(),
            spec: self.spec(node, claim),
            ports: node.description.outputs.iter().map(|port| crate::names::PortName::new(&port.name)).collect(),
            scratch: scratch.unwrap_or_default(),
            log: folder.join(format!("{}.log", node.name)),
            worker: self.settings.worker.clone(),
            outside: self.planner.outside_files(stage),
            run: self.run.to_string(),
            host: self.machine.host.clone(),
            job,
            lease,
        })
    }

    fn spec(&self, node: &Node, claim: Claim) -> Spec {
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
        Spec {
            uses: node.description.name.clone(),
            parameters: node.parameters.clone(),
            inputs,
            outputs: BTreeMap::new(),
            seed: node.seed.unwrap_or(0),
            threads: claim.threads,
            device: node.resources.device.clone().unwrap_or_else(|| self.settings.device.clone()),
            checkpoint: None,
        }
    }

    fn hear(&mut self, name: &StageName, word: Word) {
        let Some(stage) = self.graph.find(name.as_str()) else { return };
        match word {
            Word::Said(event) => self.observer.said(name, &event),
            Word::Ended(result) => {
                let Some(State::Running { claim, since, reason, .. }) = self.states.insert(stage, State::Ended) else {
                    return;
                };
                self.slots.give_back(claim);
                let seconds = since.elapsed().as_secs_f64();
                match *result {
                    Ok(finished) => self.ran(stage, &finished, reason, seconds),
                    Err(error) => self.fail(stage, seconds, error),
                }
            }
        }
    }

    fn hit(&mut self, stage: NodeIndex, action: &Action) {
        self.summary.hit += 1;
        self.end(stage, action, "hit", None, 0.0);
        self.observer.ended(&self.graph.stages[stage].name, &Ending::Hit);
    }

    fn ran(&mut self, stage: NodeIndex, finished: &Finished, reason: String, seconds: f64) {
        self.summary.ran += 1;
        let name = &self.graph.stages[stage].name;
        if finished.differs {
            self.observer
                .waits(name, "it made something else than the last time with the same key: it is not reproducible");
        }
        self.end(stage, &finished.action, "ran", Some(reason), seconds);
        self.observer.ended(name, &Ending::Ran { seconds });
    }

    fn end(&mut self, stage: NodeIndex, action: &Action, status: &'static str, reason: Option<String>, seconds: f64) {
        let name = self.graph.stages[stage].name.clone();
        if let Err(error) = self.store.link(&self.graph.pipeline, &name, action) {
            tracing::warn!("the links of {name} could not be set: {error}");
        }
        self.known.insert(stage, outputs_of(action));
        self.states.insert(stage, State::Ended);
        self.records.push(StageRecord { stage: name, status, key: Some(action.key), reason, seconds });
    }

    fn fail(&mut self, stage: NodeIndex, seconds: f64, error: Error) {
        let name = self.graph.stages[stage].name.clone();
        self.states.insert(stage, State::Ended);
        if matches!(error, Error::Interrupted) {
            // It ended because we stopped it, which is no failure of its own.
            self.skip(name);
            return;
        }
        self.summary.failed += 1;
        self.observer.ended(&name, &Ending::Failed { error: &error, seconds });
        self.records.push(StageRecord {
            stage: name,
            status: "failed",
            key: None,
            reason: Some(error.to_string()),
            seconds,
        });
        self.summary.failure.get_or_insert(error);
        if !self.settings.keep_going {
            self.stop();
        }
    }

    fn skip(&mut self, stage: StageName) {
        self.summary.skipped += 1;
        self.observer.ended(&stage, &Ending::Skipped);
        self.records.push(StageRecord { stage, status: "skipped", key: None, reason: None, seconds: 0.0 });
    }

    /// Stops what runs and starts nothing more.
    fn stop(&mut self) {
        self.stopping = true;
        for state in self.states.values() {
            if let State::Running { hold, .. } = state {
                hold.stop();
            }
        }
    }

    fn is_over(&self) -> bool {
        let running = self.states.values().any(|state| matches!(state, State::Running { .. }));
        let wanted = self.states.values().any(|state| matches!(state, State::Wanted { .. }));
        !running && (self.stopping || !wanted && self.next_decidable().is_none())
    }

    fn finish(&mut self) -> Summary {
        self.planner.save();
        let left: BTreeSet<NodeIndex> =
            self.states.iter().filter(|(_, state)| !matches!(state, State::Ended)).map(|(stage, _)| *stage).collect();
        for stage in left {
            self.skip(self.graph.stages[stage].name.clone());
        }
        self.scratch = None;
        if self.summary.ran + self.summary.failed > 0 {
            self.remember();
        }
        std::mem::take(&mut self.summary)
    }

    /// Writes the run's record and marks its keys as used. Both may be lost without harm.
    fn remember(&self) {
        let record = RunRecord {
            run: self.run.clone(),
            pipeline: self.graph.pipeline.clone(),
            arguments: self.settings.arguments.clone(),
            started: self.started.0,
            seconds: self.started.1.elapsed().as_secs_f64(),
            stages: self.records.clone(),
        };
        let folder = self.store.run_folder(&self.run);
        if fs_err::create_dir_all(&folder).is_ok()
            && let Err(error) = record::write(self.store, &record)
        {
            tracing::warn!("the record of this run could not be written: {error}");
        }
        let used = record.started.to_string().into_bytes();
        let keys = self.records.iter().filter_map(|record| record.key);
        let rows: Vec<_> = keys.map(|key| (format!("used/{key}").into_bytes(), used.clone())).collect();
        self.store.index().put(&rows);
    }
}
