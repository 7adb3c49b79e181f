//! Why a stage would run, or would not: the difference of the manifests that are hashed, followed upstream to its cause.

mod chain;
mod explanation;
mod json;
mod text;

pub use explanation::{Cause, Changed, Explanation, Past, Source};

use crate::error::{Error, Result};
use crate::key::{Manifest, StageName};
use crate::plan::{Decision, Graph, Outlook, Outputs, Planner, outputs_of};
use crate::store::{RunRecord, Store};
use chain::Chain;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;

/// Explains a stage, compared with its newest result in the pipeline or with what it was in a run.
///
/// # Errors
/// When that run has nothing of the stage.
pub fn explain(
    planner: &mut Planner<'_>,
    store: &Store,
    stage: NodeIndex,
    against: Option<&RunRecord>,
) -> Result<Explanation> {
    let graph = planner.graph;
    let mut decided = Decided::default();
    for next in graph.order.iter().copied().filter(|next| planner.selection.scope.contains(next)) {
        decided.decide(planner, next)?;
    }
    planner.save();
    let past = against.map(|run| past_in(store, run, &graph.stages[stage].name)).transpose()?;
    let mut explainer = Explainer { planner, store, graph, decided };
    let mut explanation = explainer.explain(stage, past)?;
    if let Outlook::Waiting(_) = explanation.outlook {
        explanation.upstream = explainer.causes(stage)?;
    }
    Ok(explanation)
}

/// What was decided of each stage whose inputs are known.
#[derive(Default)]
struct Decided {
    known: BTreeMap<NodeIndex, Outputs>,
    decisions: BTreeMap<NodeIndex, Decision>,
}

impl Decided {
    fn decide(&mut self, planner: &mut Planner<'_>, stage: NodeIndex) -> Result<()> {
        let mut upstream = planner.graph.stages.neighbors_directed(stage, petgraph::Direction::Incoming);
        if !upstream.all(|upstream| self.known.contains_key(&upstream)) || !planner.missing_inputs(stage).is_empty() {
            return Ok(());
        }
        let decision = planner.decide(stage, &self.known)?;
        if let Decision::Cached(action) = &decision {
            self.known.insert(stage, outputs_of(action));
        }
        self.decisions.insert(stage, decision);
        Ok(())
    }
}

struct Explainer<'a, 'p> {
    planner: &'a mut Planner<'p>,
    store: &'a Store,
    graph: &'a Graph,
    decided: Decided,
}

impl Explainer<'_, '_> {
    fn explain(&mut self, stage: NodeIndex, past: Option<Past>) -> Result<Explanation> {
        let name = &self.graph.stages[stage].name;
        let newest = || self.store.newest(&self.graph.pipeline, name).map(Past::from);
        let missing = self.planner.missing_inputs(stage);
        let (outlook, against, manifest) = match self.decided.decisions.get(&stage) {
            Some(Decision::Cached(action)) => (Outlook::Cached(action.clone()), past, Some(action.manifest.clone())),
            Some(Decision::Run(job)) => {
                (Outlook::Run(job.reason.clone()), past.or_else(newest), Some(job.manifest.clone()))
            }
            None if !missing.is_empty() => (Outlook::Blocked(missing), None, None),
            None => {
                let against = past.or_else(newest);
                let supposed = against
                    .as_ref()
                    .map(|past| self.planner.supposed(stage, &self.decided.known, &past.manifest))
                    .and_then(Result::ok);
                (Outlook::Waiting(self.unknown_before(stage)), against, supposed)
            }
        };
        let chain = Chain { store: self.store, graph: self.graph, decisions: &self.decided.decisions };
        let changes = match (&manifest, &against) {
            (Some(manifest), Some(past)) => chain.changes(stage, manifest, past),
            _ => Vec::new(),
        };
        let key = match &outlook {
            Outlook::Cached(_) | Outlook::Run(_) => manifest.as_ref().map(Manifest::key),
            Outlook::Waiting(_) | Outlook::Blocked(_) => None,
        };
        let pipeline = self.graph.pipeline.clone();
        Ok(Explanation { pipeline, stage: name.clone(), outlook, key, against, changes, upstream: Vec::new() })
    }

    fn unknown_before(&self, stage: NodeIndex) -> Vec<StageName> {
        let upstream = self.graph.stages.neighbors_directed(stage, petgraph::Direction::Incoming);
        let unknown = upstream.filter(|upstream| !self.decided.known.contains_key(upstream));
        unknown.map(|upstream| self.graph.stages[upstream].name.clone()).collect()
    }

    /// The stages before this one that run, or cannot, whatever any other makes.
    fn causes(&mut self, stage: NodeIndex) -> Result<Vec<Explanation>> {
        let before = self.graph.upstream(stage);
        let order = self.graph.order.iter().copied().filter(|next| *next != stage && before.contains(next));
        let causes: Vec<NodeIndex> = order
            .filter(|next| {
                matches!(self.decided.decisions.get(next), Some(Decision::Run(_)))
                    || !self.planner.missing_inputs(*next).is_empty()
            })
            .collect();
        causes.into_iter().map(|cause| self.explain(cause, None)).collect()
    }
}

/// What a stage was in a run.
fn past_in(store: &Store, run: &RunRecord, stage: &StageName) -> Result<Past> {
    let Some(record) = run.stages.iter().find(|record| record.stage == *stage && record.key.is_some()) else {
        let names: Vec<&str> =
            run.stages.iter().filter(|record| record.key.is_some()).map(|record| record.stage.as_str()).collect();
        return Err(Error::Usage {
            message: format!("run {} did not get to a stage '{stage}'", run.run),
            hint: Some(format!("it has {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })),
        });
    };
    let manifest = record.manifest.clone();
    let manifest = manifest.or_else(|| Some(store.action(record.key?)?.manifest)).ok_or_else(|| {
        Error::NoResults(format!("the record of what '{stage}' was in run {} is no longer in the store", run.run))
    })?;
    Ok(Past { run: run.run.to_string(), started: run.started, manifest })
}
