//! From an input that differs to what the user changed, stage by stage.

use crate::inputs::listing_changes;
use crate::key::{Difference, Digest, FILES, InputName, KeyField, Manifest, PortName, RunId, StageName};
use crate::plan::{Decision, Graph, Origin};
use crate::report::why::{Cause, Changed, Past, Source};
use crate::store::{Action, Store};
use petgraph::graph::NodeIndex;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many files of a folder are named.
const NAMED: usize = 1000;

/// The store and what was decided, along which a difference is followed.
pub(super) struct Chain<'a> {
    pub(super) store: &'a Store,
    pub(super) graph: &'a Graph,
    pub(super) decisions: &'a BTreeMap<NodeIndex, Decision>,
}

impl Chain<'_> {
    /// What differs between what a stage is now and what it was, with the sources of its inputs.
    pub(super) fn changes(&self, stage: NodeIndex, now: &Manifest, past: &Past) -> Vec<Changed> {
        self.follow(stage, now, past, &RefCell::new(BTreeSet::new()))
    }

    fn follow(
        &self,
        stage: NodeIndex,
        now: &Manifest,
        past: &Past,
        seen: &RefCell<BTreeSet<NodeIndex>>,
    ) -> Vec<Changed> {
        let differences = now.differences(&past.manifest).into_iter();
        differences
            .map(|difference| {
                let source = self.source(stage, &difference, past, seen);
                Changed { difference, source }
            })
            .collect()
    }

    fn source(
        &self,
        stage: NodeIndex,
        difference: &Difference,
        past: &Past,
        seen: &RefCell<BTreeSet<NodeIndex>>,
    ) -> Option<Source> {
        let origin = match &difference.field {
            KeyField::Input(input_name) => self.graph.stages[stage].inputs.get(input_name)?,
            KeyField::File(label) => {
                let input_name = InputName { port: PortName::new(FILES), label: label.clone() };
                self.graph.stages[stage].inputs.get(&input_name)?
            }
            _ => return None,
        };
        let digest = |value: &Option<String>| value.as_deref().and_then(Digest::parse);
        let old = digest(&difference.old);
        Some(match origin {
            Origin::External(path) => self.external(path, old, digest(&difference.new)),
            Origin::Output { stage, port } => Source::Output {
                stage: self.graph.stages[*stage].name.clone(),
                port: port.clone(),
                cause: old.map_or(Cause::Unknown, |old| self.cause(*stage, port, old, past, seen)),
            },
        })
    }

    fn external(&self, path: &Path, old: Option<Digest>, new: Option<Digest>) -> Source {
        let changes = old.zip(new).and_then(|(old, new)| listing_changes(&self.store.note(""), old, new));
        let mut changes = changes.into_iter().flatten();
        let files = changes.by_ref().take(NAMED).collect();
        Source::External { path: path.to_owned(), files, more: changes.count() }
    }

    fn cause(
        &self,
        stage: NodeIndex,
        port: &PortName,
        old: Digest,
        past: &Past,
        seen: &RefCell<BTreeSet<NodeIndex>>,
    ) -> Cause {
        let Some(Decision::Cached(now)) = self.decisions.get(&stage) else { return Cause::Unknown };
        if !seen.borrow_mut().insert(stage) {
            return Cause::AsSaid;
        }
        match self.producer(&self.graph.stages[stage].name, &now.manifest, port, old, past) {
            None => Cause::Unknown,
            Some(before) if before.manifest == now.manifest => Cause::NotReproducible,
            Some(before) => Cause::RanAgain(self.follow(stage, &now.manifest, &before, seen)),
        }
    }

    /// What the stage was when it made the old artifact: in the run of the past if that is known, else wherever such an
    /// artifact was made.
    fn producer(&self, stage: &StageName, now: &Manifest, port: &PortName, old: Digest, past: &Past) -> Option<Past> {
        let made = |action: &Action| action.outputs.get(port).is_some_and(|artifact| artifact.digest == old);
        let run = RunId::try_from(past.run.to_string()).ok().and_then(|run| self.store.read_run(&run));
        let record = run.and_then(|run| run.stages.into_iter().find(|record| record.stage == *stage));
        if let Some(action) = record.as_ref().and_then(|record| self.store.action(record.key?))
            && (made(&action) || action.manifest == *now)
        {
            return Some(action.into());
        }
        self.store.actions().find(|action| action.manifest.stage == now.stage && made(action)).map(Past::from)
    }
}
