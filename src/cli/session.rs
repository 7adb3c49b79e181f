//! What every command needs: the pipeline read and joined, the store, the worker's descriptions.

use crate::cli::options::PipelineArguments;
use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::machine::Machine;
use crate::pipeline::{self, Compare, ExecutorKind, RemoteEntry, Search, SlurmEntry};
use crate::plan::{Decision, Graph, Node, Planner, Selection, SelectionOptions, outputs_of};
use crate::run::{Claim, missing_programs};
use crate::store::{Action, Store};
use crate::worker;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A pipeline session over its store.
pub(crate) struct Session {
    /// The pipeline's file.
    pub(crate) file: PathBuf,
    /// The folder of its project, which has the folder `pipelines` and, unless another is named, the store.
    pub(crate) project: PathBuf,
    /// The pipeline's graph.
    pub(crate) graph: Graph,
    /// The store.
    pub(crate) store: Store,
    /// The worker.
    pub(crate) worker: PathBuf,
    /// The machine.
    pub(crate) machine: Machine,
    /// By what one of the points is chosen, where they are the trials of a search.
    pub(crate) search: Option<Search>,
    /// What the pipeline says of comparisons.
    pub(crate) compare: Option<Compare>,
    /// What the pipeline says of Slurm.
    pub(crate) slurm: SlurmEntry,
    /// Where the pipeline says that results are shared. The store has it only where a command takes it.
    pub(crate) remote: Option<RemoteEntry>,
}

impl Session {
    /// Reads the pipeline and checks it against what the worker's stages say of themselves.
    pub(crate) fn open(arguments: &PipelineArguments) -> Result<Self> {
        let machine = Machine::look().with_slots(arguments.slots.as_deref().unwrap_or_default())?;
        let (located, mut pipeline) =
            pipeline::load(&arguments.pipeline, &arguments.variant.profiles, &arguments.variant.settings)?;
        if let Some(executor) = arguments.executor {
            pipeline.stages.iter_mut().for_each(|stage| stage.executor = executor);
        }
        let store = Store::new(arguments.store.store.clone().unwrap_or_else(|| located.project.join("artifacts")));
        // A pipeline of commands runs without a worker.
        let (worker, known) = if pipeline.stages.iter().all(|stage| stage.command.is_some()) {
            (worker::place(arguments.worker.worker.clone())?, BTreeMap::new())
        } else {
            let worker = worker::find(arguments.worker.worker.clone())?;
            let mut inputs = store.external_inputs(&pipeline.name);
            let known = worker::descriptions(&worker, &store, &mut inputs)?;
            inputs.save();
            (worker, known)
        };
        let folder = located.file.parent().map(PathBuf::from).unwrap_or_default();
        let graph = Graph::build(&pipeline, &arguments.variant.points, &known, &folder)?;
        graph.check_paths(store.root())?;
        Ok(Self {
            file: located.file,
            project: located.project,
            graph,
            store,
            worker,
            machine,
            search: pipeline.search,
            compare: pipeline.compare,
            slurm: pipeline.slurm,
            remote: pipeline.remote,
        })
    }

    /// The stages that are meant.
    pub(crate) fn select(&self, options: &SelectionOptions) -> Result<Selection> {
        Selection::of(&self.graph, options)
    }

    /// The one node that a name means.
    ///
    /// # Errors
    /// When there is none, or the stage is several at the points of a sweep.
    pub(crate) fn one(&self, name: &str) -> Result<NodeIndex> {
        match self.graph.find(name).as_slice() {
            [one] => Ok(*one),
            [] => {
                let names = self.graph.stage_names();
                let hint = suggestion(name, names.iter().copied(), "there is");
                let message = format!("pipeline '{}' has no stage '{name}'", self.graph.pipeline);
                Err(Error::Usage { message, hint: Some(hint) })
            }
            several => {
                let names: Vec<&str> = several.iter().map(|stage| self.graph.stages[*stage].name.as_str()).collect();
                let message = format!("'{name}' is {} stages in this sweep", several.len());
                let hint = format!("pick one with --point, or name it: {}", names.join(", "));
                Err(Error::Usage { message, hint: Some(hint) })
            }
        }
    }

    /// The results that are what the pipeline says now. The store's lock has to be held for as long as they are needed.
    pub(crate) fn current(&self, selection: &Selection) -> Result<BTreeMap<NodeIndex, Box<Action>>> {
        self.current_in(selection, &self.store)
    }

    /// The same in another store.
    pub(crate) fn current_in(&self, selection: &Selection, store: &Store) -> Result<BTreeMap<NodeIndex, Box<Action>>> {
        let mut planner = self.planner_in(selection, store);
        let (mut current, mut known) = (BTreeMap::new(), BTreeMap::new());
        if !planner.missing()?.is_empty() {
            return Ok(current);
        }
        for stage in self.graph.order.iter().copied().filter(|stage| selection.scope.contains(stage)) {
            let mut upstream = self.graph.stages.neighbors_directed(stage, petgraph::Direction::Incoming);
            if !upstream.all(|upstream| known.contains_key(&upstream)) {
                continue;
            }
            if let Decision::Cached(action) = planner.decide(stage, &known)? {
                known.insert(stage, outputs_of(&action));
                current.insert(stage, action);
            }
        }
        planner.save();
        Ok(current)
    }

    /// A planner for them.
    pub(crate) fn planner<'a>(&'a self, selection: &'a Selection) -> Planner<'a> {
        self.planner_in(selection, &self.store)
    }

    /// The same over another store.
    pub(crate) fn planner_in<'a>(&'a self, selection: &'a Selection, store: &'a Store) -> Planner<'a> {
        let inputs = self.store.external_inputs(&self.graph.pipeline);
        let lacks = |node: &Node| match node.executor {
            ExecutorKind::Local => Claim::of(node, &self.machine).lacks(&self.machine),
            ExecutorKind::Slurm => missing_programs(),
        };
        Planner::new(&self.graph, selection, store, inputs, Box::new(lacks))
    }
}
