//! The dispatcher: one thread that owns the state of every stage and puts all events in one order.
//!
//! ```text
//!            inputs known            slots and lease free             result kept
//! waiting ─────────────► wanted ──────────────────────► running ─────────────────► done
//!    │                     │  the store has it             │  it failed
//!    │                     └──────────────────► done       └──────────► failed
//!    └─ something upstream failed ─► skipped
//! ```

use crate::error::{Error, Result, caught};
use crate::fs::FileLock;
use crate::key::Key;
use crate::machine::Machine;
use crate::plan::{Decision, Graph, Job, Outputs, Planner, Selection, outputs_of};
use crate::run::attempts::{Finished, StageEvent, StageEvents};
use crate::run::executor::choose::Executors;
use crate::run::interrupt::Interrupt;
use crate::run::journal::Journal;
use crate::run::queue::{Queue, Wanted};
use crate::run::settings::Settings;
use crate::run::slots::Pools;
use crate::run::{Ending, Observer};
use crate::store::{Action, Lookup, Needs, Scratch, StageRecord, StageState, Store};
use contract::Event;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// How many events of stages may wait to be taken. When there are more, stages wait with their output.
const EVENTS: usize = 1024;

/// How long events are taken before one looks again whether the run is to end, and what other processes have finished.
const LONGEST_TURN: Duration = Duration::from_millis(50);

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
    /// The first failure, or the user's options to end.
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
    let (sender, receiver) = sync_channel(EVENTS);
    let needs = match store.needs() {
        Ok(needs) => needs,
        Err(error) => return Summary { failure: Some(error), ..Summary::default() },
    };
    let executors = Executors::new(&settings.supervisor, &settings.slurm);
    let kinds = planner.graph.stages.node_weights().map(|node| node.executor);
    let slots = Pools::new(kinds, machine, settings.jobs, settings.cluster_jobs);
    let mut dispatcher = Dispatcher {
        executors: &executors,
        journal: Journal::new(store, &planner.graph.pipeline, settings, &machine.host),
        needs,
        graph: planner.graph,
        selection: planner.selection,
        store,
        machine,
        settings,
        observer,
        slots,
        queue: Queue::new(planner.graph, planner.selection),
        planner,
        known: BTreeMap::new(),
        scratch: None,
        sender,
        receiver,
        summary: Summary::default(),
        noted: BTreeSet::new(),
        stopping: false,
    };
    dispatcher.go(interrupt)
}

/// The state of a run.
pub(super) struct Dispatcher<'a, 'p> {
    /// Where stages run.
    pub(super) executors: &'a Executors<'a>,
    pub(super) journal: Journal<'a>,
    pub(super) needs: Needs,
    pub(super) graph: &'a Graph,
    pub(super) selection: &'a Selection,
    pub(super) planner: &'a mut Planner<'p>,
    pub(super) store: &'a Store,
    pub(super) machine: &'a Machine,
    pub(super) settings: &'a Settings,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) slots: Pools,
    pub(super) queue: Queue,
    pub(super) known: BTreeMap<NodeIndex, Outputs>,
    pub(super) scratch: Option<Scratch>,
    pub(super) sender: StageEvents,
    pub(super) receiver: Receiver<(NodeIndex, StageEvent)>,
    pub(super) summary: Summary,
    /// Inputs of many points that were already reported of a sweep have.
    pub(super) noted: BTreeSet<String>,
    /// Whether nothing more may start.
    pub(super) stopping: bool,
}

impl Dispatcher<'_, '_> {
    fn go(&mut self, interrupt: &Interrupt) -> Summary {
        std::thread::scope(|threads| {
            while !self.is_over() {
                if interrupt.is_raised() && !self.stopping {
                    self.summary.failure = Some(Error::interrupted());
                    self.interrupted();
                }
                // What runs has to be waited for in any case, and it waits for us to take its events.
                if let Err(error) = caught(|| self.turn(threads)) {
                    self.summary.failure.get_or_insert(error);
                    self.stop();
                }
            }
        });
        self.finish()
    }

    /// Decides and starts what can be, then takes events until there is something to decide.
    fn turn<'scope, 'env>(&mut self, threads: &'scope Scope<'scope, 'env>) -> Result<()>
    where
        Self: 'env,
    {
        self.observer.tick();
        self.decide();
        self.start(threads);
        if self.is_over() {
            return Ok(());
        }
        let until = Instant::now() + LONGEST_TURN;
        while let Ok((stage, event)) = self.receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let is_end = matches!(event, StageEvent::Ended(_));
            self.take(stage, event);
            if is_end {
                break;
            }
        }
        Ok(())
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
                        message: format!("--only needs a cached result of '{name}': {}", job.reason),
                        hint: Some("run it first, or drop --only".to_owned()),
                    };
                    self.fail(stage, None, 0.0, error);
                }
                Ok(Decision::Run(job)) => drop(self.queue.wanted.insert(rank, Wanted { job, reported_busy: false })),
                Err(error) => self.fail(stage, None, 0.0, error),
            }
        }
    }

    /// Looks a stage up, and makes sure that what is found stays.
    pub(super) fn decide_one(&mut self, stage: NodeIndex) -> Result<Decision> {
        let _lock = if self.needs.is_written_down() { self.store.lock_shared()? } else { None };
        let decision = self.planner.decide(stage, &self.known)?;
        if let Decision::Cached(action) = &decision {
            self.needs.add_result(action)?;
        }
        Ok(decision)
    }

    /// What another process has just made, which stays.
    pub(super) fn take_made(&mut self, key: Key) -> Result<Option<Box<Action>>> {
        let _lock = if self.needs.is_written_down() { self.store.lock_shared()? } else { None };
        let Lookup::Cached(action) = self.store.lookup(key)? else { return Ok(None) };
        self.needs.add_result(&action)?;
        Ok(Some(action))
    }

    fn take(&mut self, stage: NodeIndex, event: StageEvent) {
        match event {
            StageEvent::Printed(event) => self.printed(stage, &event),
            StageEvent::Ended(result) => {
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

    pub(super) fn printed(&mut self, stage: NodeIndex, event: &Event) {
        let name = &self.graph.stages[stage].name;
        self.observer.printed(name, event);
        self.journal.printed(name, event);
    }

    pub(super) fn cached(&mut self, stage: NodeIndex, action: &Action) {
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

    pub(super) fn record(&self, stage: NodeIndex, status: StageState, seconds: f64) -> StageRecord {
        let stage = self.graph.stages[stage].name.clone();
        StageRecord { stage, status, key: None, reason: None, seconds, manifest: None, progress: None }
    }

    fn end(&mut self, stage: NodeIndex, action: &Action, record: StageRecord, ending: &Ending<'_>) {
        let name = &self.graph.stages[stage].name;
        if let Err(error) = self.store.link(&self.graph.pipeline, name, action, matches!(ending, Ending::Done { .. })) {
            tracing::warn!("the links of {name} could not be set: {error}");
        }
        self.observer.ended(name, ending);
        self.journal.ended(name, ending);
        self.journal.add(StageRecord { key: Some(action.key), ..record });
        self.known.insert(stage, outputs_of(action));
        self.queue.is_known(self.graph, stage);
    }

    pub(super) fn fail(&mut self, stage: NodeIndex, job: Option<&Job>, seconds: f64, error: Error) {
        if matches!(error, Error::Interrupted { .. }) {
            // It ended because we stopped it, which is no failure of its own.
            self.note_left(stage, job);
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

    /// Adds a stage whose job goes on, or that goes on from a checkpoint, to the message about the interruption.
    fn note_left(&mut self, stage: NodeIndex, job: Option<&Job>) {
        let (Some(job), Some(Error::Interrupted { checkpoints, jobs })) = (job, &mut self.summary.failure) else {
            return;
        };
        let name = || self.graph.stages[stage].name.to_string();
        if self.settings.detach && self.store.job_folder(job.key).exists() {
            jobs.push(name());
        } else if self.store.has_checkpoint(job.key) {
            checkpoints.push(name());
        }
    }

    fn skip(&mut self, stage: NodeIndex) {
        self.summary.skipped += 1;
        let name = &self.graph.stages[stage].name;
        self.observer.ended(name, &Ending::Skipped);
        self.journal.ended(name, &Ending::Skipped);
        self.journal.add(self.record(stage, StageState::Skipped, 0.0));
    }

    /// Does what the user asked for: stops what runs, or leaves it where it goes on without this process.
    fn interrupted(&mut self) {
        if !self.settings.detach {
            return self.stop();
        }
        self.stopping = true;
        for running in self.queue.running.values() {
            running.handle.leave();
        }
    }

    /// Stops what runs and starts nothing more.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        for running in self.queue.running.values() {
            running.handle.stop();
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
