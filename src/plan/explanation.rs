//! Why a stage would run or not: what differs from an earlier time, followed up to what the user changed.

use crate::digest::Digest;
use crate::error::Result;
use crate::names::StageName;
use crate::plan::graph::{Graph, Origin};
use crate::plan::key::{Difference, Manifest};
use crate::plan::planner::{Decision, Outputs, Planner, outputs_of};
use crate::store::{RunRecord, Store};
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};

/// How a stage stands now.
#[derive(Debug)]
pub struct Standing {
    /// What becomes of it; nothing while stages that it uses have to run first.
    pub decision: Option<Decision>,
    /// The stages before it that have to run first.
    pub before: Vec<NodeIndex>,
}

/// How every stage that `target` needs stands, and `target` itself.
pub fn standings(planner: &mut Planner<'_>, target: NodeIndex) -> Result<BTreeMap<NodeIndex, Standing>> {
    let graph = planner.graph;
    let needed = graph.upstream(target);
    let mut known: BTreeMap<NodeIndex, Outputs> = BTreeMap::new();
    let mut standings = BTreeMap::new();
    for stage in graph.order.iter().copied().filter(|stage| needed.contains(stage)) {
        let upstream = graph.stages.neighbors_directed(stage, Direction::Incoming);
        let before: Vec<NodeIndex> = upstream.filter(|upstream| !known.contains_key(upstream)).collect();
        let decision = if before.is_empty() { Some(planner.decide(stage, &known)?) } else { None };
        if let Some(Decision::Hit(action)) = &decision {
            known.insert(stage, outputs_of(action));
        }
        standings.insert(stage, Standing { decision, before });
    }
    Ok(standings)
}

impl Standing {
    /// What its key is made of now, if that is known.
    pub fn manifest(&self) -> Option<&Manifest> {
        match self.decision.as_ref()? {
            Decision::Hit(action) => Some(&action.manifest),
            Decision::Run(job) => Some(&job.manifest),
        }
    }
}

/// A stage's differences from an earlier time.
#[derive(Debug)]
pub struct Changed {
    /// The stage.
    pub stage: StageName,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// Compares the stages of a graph with an earlier time.
pub struct Comparison<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// The store.
    pub store: &'a Store,
    /// How the stages stand now.
    pub standings: &'a BTreeMap<NodeIndex, Standing>,
    /// The run that is compared with, if it is still written down.
    pub run: Option<&'a RunRecord>,
}

impl Comparison<'_> {
    /// Where the input of that fact comes from, for a fact that is an input.
    pub fn origin(&self, stage: NodeIndex, fact: &str) -> Option<&Origin> {
        let entrance = fact.strip_prefix("input ")?;
        let inputs = &self.graph.stages[stage].inputs;
        inputs.iter().find(|(found, _)| found.to_string() == entrance).map(|(_, origin)| origin)
    }

    /// For the differing inputs of a stage: how the stages that made them differ, and so on up to what has no stage before
    /// it. Nearest first, each stage once.
    pub fn behind(&self, stage: NodeIndex, differences: &[Difference]) -> Vec<Changed> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open = self.makers(stage, differences);
        while let Some(maker) = open.pop() {
            if !seen.insert(maker) {
                continue;
            }
            let name = &self.graph.stages[maker].name;
            let now = self.standings.get(&maker).and_then(Standing::manifest);
            let then = self.run.and_then(|run| self.store.manifest_in(run, name));
            let (Some(now), Some(then)) = (now, then) else { continue };
            let differences = now.differences(&then);
            open.extend(self.makers(maker, &differences));
            if !differences.is_empty() {
                found.push(Changed { stage: name.clone(), differences });
            }
        }
        found
    }

    fn makers(&self, stage: NodeIndex, differences: &[Difference]) -> Vec<NodeIndex> {
        let origins = differences.iter().filter_map(|difference| self.origin(stage, &difference.fact));
        origins
            .filter_map(|origin| if let Origin::Output { stage, .. } = origin { Some(*stage) } else { None })
            .collect()
    }

    /// The first files of an outside folder that changed, as far as both of its contents were listed.
    pub fn files(&self, stage: NodeIndex, difference: &Difference) -> Vec<String> {
        const SHOWN: usize = 10;
        let digest = |value: &Option<String>| value.as_deref().and_then(Digest::parse);
        let is_outside = matches!(self.origin(stage, &difference.fact), Some(Origin::Outside(_)));
        match (digest(&difference.old), digest(&difference.new)) {
            (Some(old), Some(new)) if is_outside => {
                let changes = self.store.listing_changes(old, new).into_iter().flatten();
                changes.take(SHOWN).map(|change| change.to_string()).collect()
            }
            _ => Vec::new(),
        }
    }
}
