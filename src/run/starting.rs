//! Starting stages: whether one fits, whether another process has it, and all that it needs to run.

use crate::error::{Error, Result};
use crate::inputs::StatSnapshot;
use crate::key::PortName;
use crate::machine::Hardware;
use crate::plan::{Decision, Job, Node, Origin, Program, Reason};
use crate::run::Observer as _;
use crate::run::attempts::{Inputs, add_input, run_stage};
use crate::run::dispatcher::Dispatcher;
use crate::run::executor::handle::StageHandle;
use crate::run::executor::spec::LaunchResources;
use crate::run::queue::{Running, Wanted};
use crate::run::request::ExecutionRequest;
use crate::run::slots::{Claim, Grant};
use crate::store::{Lease, Scratch};
use contract::questions::Check;
use contract::{Event, Kind, Rank, Spec};
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::Path;
use std::thread::Scope;
use std::time::Instant;

/// How often an attempt is submitted again that the cluster has ended, unless the pipeline says otherwise.
const RESUBMISSIONS: usize = 3;

impl Dispatcher<'_, '_> {
    /// Starts every stage that fits and that no other process is running.
    pub(super) fn start<'scope, 'env>(&mut self, threads: &'scope Scope<'scope, 'env>)
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

    fn start_one<'scope, 'env>(&mut self, rank: (usize, NodeIndex), threads: &'scope Scope<'scope, 'env>) -> Result<()>
    where
        Self: 'env,
    {
        let stage = rank.1;
        let node = &self.graph.stages[stage];
        let executor = self.executors.get(node.executor)?;
        let Some(grant) = self.slots.take(node.executor, &Claim::of(node, self.machine)) else { return Ok(()) };
        let request = match self.prepare(rank, &grant) {
            Ok(Some(request)) => request,
            nothing => {
                self.slots.give_back(grant);
                return nothing.map(drop);
            }
        };
        self.queue.wanted.remove(&rank);
        let (handle, job) = (StageHandle::default(), Box::new(request.job.clone()));
        let (store, events, shared) = (self.store.clone(), self.sender.clone(), handle.clone());
        let (name, reason) = (&self.graph.stages[stage].name, job.reason.to_string());
        self.observer.started(name, &reason);
        self.journal.started(name, &reason);
        for note in self.planner.notes(stage) {
            if self.noted.insert(note.clone()) {
                self.printed(stage, &Event::Log { message: note });
            }
        }
        let run = move || run_stage(request, executor, &store, &shared, &events);
        if let Err(error) = std::thread::Builder::new().name(name.to_string()).spawn_scoped(threads, run) {
            self.slots.give_back(grant);
            let error = Error::starting(Path::new("a thread"), &error, "run again");
            self.fail(stage, Some(&job), 0.0, error);
            return Ok(());
        }
        self.queue.running.insert(stage, Running { grant, handle, since: Instant::now(), job });
        Ok(())
    }

    /// Takes the key's lease and makes everything ready. `None` when another process is at it, or has just finished it.
    fn prepare(&mut self, rank: (usize, NodeIndex), grant: &Grant) -> Result<Option<ExecutionRequest>> {
        let stage = rank.1;
        let Some(Wanted { job, reported_busy }) = self.queue.wanted.get_mut(&rank) else { return Ok(None) };
        let key = job.key;
        self.store.prepare()?;
        let Some(lease) = self.store.lease(key)? else {
            if !std::mem::replace(reported_busy, true) {
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
        let reported_busy = *reported_busy;
        // Another process may have finished it between the decision and the lease.
        let found = match self.decide_one(stage)? {
            Decision::Cached(action) => Some(action),
            // What was forced has just been made by another process.
            Decision::Run(job) if reported_busy && job.reason == Reason::Forced => self.take_made(key)?,
            Decision::Run(job) => return self.request(stage, *job, grant, lease).map(Some),
        };
        drop(lease);
        if let Some(action) = found {
            self.queue.wanted.remove(&rank);
            self.cached(stage, &action);
        }
        Ok(None)
    }

    fn request(&mut self, stage: NodeIndex, job: Job, grant: &Grant, lease: Lease) -> Result<ExecutionRequest> {
        let graph = self.graph;
        let node = &graph.stages[stage];
        let scratch = self.scratch()?.attempt(node.name.as_str())?;
        self.needs.add_key(job.key)?;
        let spec = self.spec(node, &job, grant)?;
        Ok(ExecutionRequest {
            stage,
            name: node.name.clone(),
            pipeline: graph.pipeline.clone(),
            hardware: Hardware::here(&spec.device, !self.machine.gpus.is_empty()),
            spec,
            ports: node.description.outputs.iter().map(|port| PortName::new(&port.name)).collect(),
            checked: checked(node),
            program: node.program.clone(),
            scratch,
            log: self.store.run_folder(self.journal.run()).join(format!("{}.log", node.name)),
            worker: self.settings.worker.clone(),
            resources: LaunchResources {
                ranks: grant.claim.ranks,
                threads: grant.claim.threads_of_rank(),
                memory: grant.claim.memory,
                gpus: grant.gpus.clone(),
                gpu_count: grant.claim.gpus,
                job: node.resources.job.over(&self.settings.slurm.resources),
            },
            reads: self.reads(stage)?,
            needs: self.needs.list(),
            run: self.journal.run().to_string(),
            host: self.machine.host.clone(),
            retries: node.retries,
            resubmissions: self.settings.slurm.resubmit.unwrap_or(RESUBMISSIONS),
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

    /// What the stage is about to read: external inputs as they were when their digests were taken, artifacts as they are.
    fn reads(&self, stage: NodeIndex) -> Result<Vec<StatSnapshot>> {
        let mut reads = self.planner.external_inputs(stage);
        for origin in self.graph.stages[stage].inputs.values() {
            if let Origin::Output { stage, port } = origin
                && let Some(digest) = self.known.get(stage).and_then(|outputs| outputs.get(port))
            {
                reads.push(StatSnapshot::of_artifact(&self.store.artifact(digest))?);
            }
        }
        Ok(reads)
    }

    fn spec(&self, node: &Node, job: &Job, grant: &Grant) -> Result<Spec> {
        let mut inputs = Inputs::new();
        for (input_name, origin) in &node.inputs {
            let path = match origin {
                Origin::External(path) => Some(path.clone()),
                Origin::Output { stage, port } => self
                    .known
                    .get(stage)
                    .and_then(|outputs| outputs.get(port))
                    .map(|digest| self.store.artifact(digest)),
            };
            if let Some(path) = path {
                add_input(&mut inputs, &input_name.port, &input_name.label, path);
            }
        }
        let checkpoint = node.description.checkpoints.then(|| self.store.checkpoint(job.key)).transpose()?;
        Ok(Spec {
            uses: node.description.name.clone(),
            parameters: node.parameters.clone(),
            inputs,
            outputs: BTreeMap::new(),
            seed: node.seed.unwrap_or(0),
            threads: grant.claim.threads_of_rank(),
            rank: Rank::first_of(grant.claim.ranks),
            device: node.resources.device.clone().unwrap_or_else(|| self.settings.device.clone()),
            checkpoint,
        })
    }
}

/// The outputs of a user's program whose content the worker can check. Stages of the worker check what they write themselves.
fn checked(node: &Node) -> Vec<(PortName, Kind)> {
    let outputs = node.description.outputs.iter().filter(|_| matches!(node.program, Program::Command(_)));
    let known = outputs.filter(|output| Check::KINDS.contains(&output.kind.0.as_str()));
    known.map(|output| (PortName::new(&output.name), output.kind.clone())).collect()
}
