//! What every command needs: the pipeline read and joined, the store, the worker's descriptions.

use crate::arguments::{PipelineArguments, StoreArguments};
use crate::error::{Error, Result};
use crate::pipeline;
use crate::plan::{Graph, Node, Planner, Selection, Wishes};
use crate::run::{Claim, Machine};
use crate::store::{OutsideFiles, SledIndex, Store};
use crate::worker;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A pipeline opened over its store.
pub(crate) struct Opened {
    /// The pipeline's graph.
    pub(crate) graph: Graph,
    /// The store.
    pub(crate) store: Store,
    /// The worker.
    pub(crate) worker: PathBuf,
    /// The machine.
    pub(crate) machine: Machine,
    index: SledIndex,
    sheet: PathBuf,
}

impl Opened {
    /// Reads the pipeline and checks it against what the worker's stages say of themselves.
    pub(crate) fn open(arguments: &PipelineArguments) -> Result<Self> {
        let machine = Machine::look().with_slots(arguments.slots.as_deref().unwrap_or_default())?;
        let (located, pipeline) = pipeline::load(&arguments.pipeline, &arguments.settings)?;
        let store = Store::new(arguments.store.clone().unwrap_or_else(|| located.project.join("artifacts")));
        let index = store.index();
        let sheet = store.note(&format!("{}.files.json", pipeline.name));
        // A pipeline of commands needs no worker.
        let (worker, known) = if pipeline.stages.iter().all(|stage| stage.command.is_some()) {
            (PathBuf::new(), BTreeMap::new())
        } else {
            let worker = worker::find(arguments.worker.clone())?;
            let mut outside = OutsideFiles::open(sheet.clone(), &index);
            let known = worker::descriptions(&worker, &store, &mut outside)?;
            outside.save();
            (worker, known)
        };
        let folder = located.file.parent().map(PathBuf::from).unwrap_or_default();
        let graph = Graph::build(&pipeline, &known, &folder)?;
        Ok(Self { graph, store, worker, machine, index, sheet })
    }

    /// The stages that are meant.
    pub(crate) fn select(&self, wishes: &Wishes) -> Result<Selection> {
        Selection::of(&self.graph, wishes)
    }

    /// A planner for them.
    pub(crate) fn planner<'a>(&'a self, selection: &'a Selection) -> Planner<'a> {
        let outside = OutsideFiles::open(self.sheet.clone(), &self.index);
        let lacks = |node: &Node| Claim::of(node, &self.machine).lacks(&self.machine);
        Planner::new(&self.graph, selection, &self.store, outside, Box::new(lacks))
    }
}

/// The store of a command that names no pipeline, which must be there.
///
/// # Errors
/// When it is not; it says where it looked.
pub(crate) fn existing_store(arguments: &StoreArguments) -> Result<Store> {
    let folder = match &arguments.store {
        Some(folder) => folder.clone(),
        None => pipeline::project()?.join("artifacts"),
    };
    if folder.join("runs").is_dir() {
        return Ok(Store::new(folder));
    }
    let message = format!("there is no store at {}; name one with --store or PIPE_STORE", folder.display());
    Err(Error::NoResults(message))
}
