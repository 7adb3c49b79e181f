//! What every command needs: the pipeline read and joined, the store, the worker's descriptions.

use crate::arguments::PipelineArguments;
use crate::error::Result;
use crate::pipeline;
use crate::plan::{Graph, Planner, Selection, Wishes};
use crate::run::Machine;
use crate::store::{OutsideFiles, SledIndex, Store};
use crate::worker;
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
        let (located, pipeline) = pipeline::load(&arguments.pipeline, &arguments.settings)?;
        let store = Store::new(arguments.store.clone().unwrap_or_else(|| located.project.join("artifacts")));
        let worker = worker::find(arguments.worker.clone())?;
        let index = store.index();
        let sheet = store.note(&format!("{}.files.json", pipeline.name));
        let mut outside = OutsideFiles::open(sheet.clone(), &index);
        let known = worker::descriptions(&worker, &store, &mut outside)?;
        outside.save();
        let folder = located.file.parent().map(PathBuf::from).unwrap_or_default();
        let graph = Graph::build(&pipeline, &known, &folder)?;
        Ok(Self { graph, store, worker, machine: Machine::look(), index, sheet })
    }

    /// The stages that are meant.
    pub(crate) fn select(&self, wishes: &Wishes) -> Result<Selection> {
        Selection::of(&self.graph, wishes)
    }

    /// A planner for them.
    pub(crate) fn planner<'a>(&'a self, selection: &'a Selection) -> Planner<'a> {
        let outside = OutsideFiles::open(self.sheet.clone(), &self.index);
        Planner::new(&self.graph, selection, &self.store, outside, self.machine.gpus)
    }
}
