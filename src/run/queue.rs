//! Where each stage of a run is on its way: waiting, ready, wanted or running.

use crate::plan::{Graph, Job, Selection};
use crate::run::executor::handle::StageHandle;
use crate::run::slots::Grant;
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Where each stage is on its way. Stages are in the graph's order.
pub(super) struct Queue {
    place: BTreeMap<NodeIndex, usize>,
    /// How many stages that it uses are not known yet.
    waiting: BTreeMap<NodeIndex, usize>,
    /// Everything that it uses is known; what becomes of it is not decided.
    pub ready: BTreeSet<(usize, NodeIndex)>,
    /// It is to run, when it fits.
    pub wanted: BTreeMap<(usize, NodeIndex), Wanted>,
    pub running: BTreeMap<NodeIndex, Running>,
}

/// A stage that is to run.
pub(super) struct Wanted {
    pub job: Box<Job>,
    /// Whether it was reported to the user that another process runs it.
    pub reported_busy: bool,
}

/// A stage that runs.
pub(super) struct Running {
    pub grant: Grant,
    pub handle: StageHandle,
    pub since: Instant,
    pub job: Box<Job>,
}

impl Queue {
    pub(super) fn new(graph: &Graph, selection: &Selection) -> Self {
        let place: BTreeMap<NodeIndex, usize> =
            graph.order.iter().enumerate().map(|(place, stage)| (*stage, place)).collect();
        let mut queue = Self {
            place,
            waiting: BTreeMap::new(),
            ready: BTreeSet::new(),
            wanted: BTreeMap::new(),
            running: BTreeMap::new(),
        };
        for stage in &selection.scope {
            match graph.stages.neighbors_directed(*stage, Direction::Incoming).count() {
                0 => drop(queue.ready.insert(queue.rank(*stage))),
                uses => drop(queue.waiting.insert(*stage, uses)),
            }
        }
        queue
    }

    /// A stage with its place in the order, which sorts by it.
    fn rank(&self, stage: NodeIndex) -> (usize, NodeIndex) {
        (self.place[&stage], stage)
    }

    /// Notes that what `stage` makes is known.
    pub(super) fn is_known(&mut self, graph: &Graph, stage: NodeIndex) {
        for user in graph.stages.neighbors(stage) {
            if let Some(uses) = self.waiting.get_mut(&user) {
                *uses -= 1;
                if *uses == 0 {
                    self.waiting.remove(&user);
                    self.ready.insert(self.rank(user));
                }
            }
        }
    }

    /// The stages that have not begun, in order.
    pub(super) fn left(&self) -> Vec<NodeIndex> {
        let mut left: BTreeSet<(usize, NodeIndex)> = self.ready.clone();
        left.extend(self.wanted.keys());
        left.extend(self.waiting.keys().map(|stage| self.rank(*stage)));
        left.into_iter().map(|(_, stage)| stage).collect()
    }
}
