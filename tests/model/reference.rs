//! What the store must hold, and so what must run: the rules of the documentation over sets of texts.

use super::dag::{Dag, Evaluated, Identity};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Whether something is in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    #[default]
    No,
    /// A run was killed that may have kept it.
    Maybe,
    Yes,
}

/// What the store holds: records by identity, artifacts by content.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    records: BTreeMap<Identity, Held>,
    artifacts: BTreeMap<String, Held>,
}

/// What a run is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The stages that it may look at.
    pub(crate) scope: BTreeSet<usize>,
    /// Those that run in any case.
    pub(crate) forced: BTreeSet<usize>,
}

impl Wanted {
    /// All that is not up to date.
    pub(crate) fn all(dag: &Dag) -> Self {
        Self { scope: (0..dag.0.len()).collect(), forced: BTreeSet::new() }
    }
}

impl Reference {
    /// How often each identity has to run. Stages of one identity share one result.
    pub(crate) fn expected(&self, all: &[Evaluated], wanted: &Wanted) -> BTreeMap<Identity, RangeInclusive<usize>> {
        let mut expected = BTreeMap::new();
        for stage in &wanted.scope {
            let identity = &all[*stage].identity;
            let mut sharers = wanted.scope.iter().filter(|other| all[**other].identity == *identity);
            let forced = sharers.clone().filter(|other| wanted.forced.contains(other)).count();
            let others = sharers.any(|other| !wanted.forced.contains(other));
            let held = self.held_during(&all[*stage], all, wanted);
            let range = match (forced, held) {
                (0, Held::Yes) => 0..=0,
                (0, Held::No) => 1..=1,
                (0, Held::Maybe) => 0..=1,
                // One that waits for another of its identity takes what that one made.
                (_, held) => 1..=forced + usize::from(others && held != Held::Yes),
            };
            expected.insert(identity.clone(), range);
        }
        expected
    }

    /// A run that ended well has the results of all stages in its scope.
    pub(crate) fn ran(&mut self, all: &[Evaluated], stages: impl IntoIterator<Item = usize>) {
        for stage in stages {
            self.records.insert(all[stage].identity.clone(), Held::Yes);
            self.artifacts.extend(all[stage].made.values().map(|content| (content.clone(), Held::Yes)));
        }
    }

    /// A run that was killed may have kept any result.
    pub(crate) fn may_have_run(&mut self, all: &[Evaluated], stages: impl IntoIterator<Item = usize>) {
        for stage in stages {
            let record = self.records.entry(all[stage].identity.clone()).or_default();
            *record = (*record).max(Held::Maybe);
            for content in all[stage].made.values() {
                let artifact = self.artifacts.entry(content.clone()).or_default();
                *artifact = (*artifact).max(Held::Maybe);
            }
        }
    }

    /// A record is gone or damaged.
    pub(crate) fn lose_record(&mut self, identity: &Identity) {
        self.records.remove(identity);
    }

    /// An artifact is gone or damaged.
    pub(crate) fn lose_artifact(&mut self, content: &str) {
        self.artifacts.remove(content);
    }

    fn held(&self, stage: &Evaluated) -> Held {
        let artifacts = stage.made.values().map(|content| self.artifacts.get(content).copied().unwrap_or_default());
        let record = self.records.get(&stage.identity).copied().unwrap_or_default();
        artifacts.fold(record, Held::min)
    }

    /// Whether a result can be used while a run goes on, in which other stages may put a lost artifact back in time.
    fn held_during(&self, stage: &Evaluated, all: &[Evaluated], wanted: &Wanted) -> Held {
        let before = self.held(stage);
        if before != Held::No || self.records.get(&stage.identity).is_none_or(|record| *record == Held::No) {
            return before;
        }
        let runs = |other: &usize| {
            let held = self.held(&all[*other]);
            all[*other].identity != stage.identity && (held != Held::Yes || wanted.forced.contains(other))
        };
        let comes_back = |content: &String| {
            self.artifacts.get(content).is_some_and(|held| *held != Held::No)
                || wanted
                    .scope
                    .iter()
                    .filter(|other| runs(other))
                    .any(|other| all[*other].made.values().any(|made| made == content))
        };
        if stage.made.values().all(comes_back) { Held::Maybe } else { Held::No }
    }
}
