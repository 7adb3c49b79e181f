//! The difference of two runs: which stages differ, in what, and what that did to the metrics.

mod text;

use crate::error::Result;
use crate::key::{Difference, Digest, KeyField, Manifest, StageName};
use crate::report::compare::{Measured, of_actions};
use crate::store::{Action, RunRecord, StageRecord, Store};
use serde::Serialize;
use std::collections::BTreeMap;

/// The difference of two runs.
#[derive(Debug, Serialize)]
pub struct RunDifference {
    /// The earlier run.
    pub old: String,
    /// The later run.
    pub new: String,
    /// The stages that differ, in the order of the later run; then those of the earlier one only.
    pub stages: Vec<StageDifference>,
    /// How many stages are the same.
    pub same: usize,
    /// The metrics of both.
    pub metrics: Vec<MetricDifference>,
    /// Stages whose results are no longer in the store, so that their metrics are not known.
    pub gone: Vec<String>,
}

/// A stage that differs.
#[derive(Debug, Serialize)]
pub struct StageDifference {
    /// The stage.
    pub stage: StageName,
    /// How.
    pub how: How,
    /// In what.
    pub differences: Vec<Difference>,
}

/// How a stage differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// In something of its own: a parameter, its code, its seed, an external input.
    Own,
    /// Only in what stages before it made.
    Before,
    /// Only the earlier run has it.
    OldOnly,
    /// Only the later run has it.
    NewOnly,
    /// What it was in one of them is no longer known.
    Unknown,
}

/// A metric in both runs.
#[derive(Debug, Serialize)]
pub struct MetricDifference {
    /// The point of the sweep; empty where there is none.
    pub point: String,
    /// What was measured.
    pub identity: Vec<(String, String)>,
    /// The metric.
    pub metric: String,
    /// Its value in the earlier run.
    pub old: Option<f64>,
    /// Its value in the later run.
    pub new: Option<f64>,
}

/// Compares two runs.
pub fn diff(store: &Store, old: &RunRecord, new: &RunRecord) -> Result<RunDifference> {
    let before = Side::of(store, old);
    let now = Side::of(store, new);
    let mut stages = Vec::new();
    let mut same = 0;
    for record in &new.stages {
        match before.stages.get(&record.stage) {
            None => stages.push(StageDifference::only(&record.stage, How::NewOnly)),
            Some(past) if past.key.is_some() && past.key == record.key => same += 1,
            Some(past) => stages.push(differing(&record.stage, before.manifest(past), now.manifest(record), &now)),
        }
    }
    let gone = old.stages.iter().filter(|stage| !now.stages.contains_key(&stage.stage));
    stages.extend(gone.map(|stage| StageDifference::only(&stage.stage, How::OldOnly)));
    let metrics = metrics(&before.measured(store)?, &now.measured(store)?);
    let gone = [&before, &now].into_iter().flat_map(|side| side.gone.clone()).collect();
    Ok(RunDifference { old: old.run.to_string(), new: new.run.to_string(), stages, same, metrics, gone })
}

/// One of the two runs, with what the store still has of it.
struct Side<'a> {
    stages: BTreeMap<&'a StageName, &'a StageRecord>,
    actions: BTreeMap<&'a StageName, Action>,
    gone: Vec<String>,
}

impl<'a> Side<'a> {
    fn of(store: &Store, run: &'a RunRecord) -> Self {
        let (mut actions, mut gone) = (BTreeMap::new(), Vec::new());
        for stage in run.stages.iter().filter(|stage| stage.status.has_result()) {
            let action = stage.key.and_then(|key| store.action(key));
            let is_there = |action: &Action| action.outputs.values().all(|own| store.artifact(&own.digest).is_dir());
            match action {
                Some(action) if is_there(&action) => {
                    actions.insert(&stage.stage, action);
                }
                _ => gone.push(format!("{} of {}", stage.stage, run.run)),
            }
        }
        Self { stages: run.stages.iter().map(|stage| (&stage.stage, stage)).collect(), actions, gone }
    }

    fn manifest(&self, stage: &StageRecord) -> Option<Manifest> {
        stage.manifest.clone().or_else(|| self.actions.get(&stage.stage).map(|action| action.manifest.clone()))
    }

    fn made(&self, digest: Digest) -> bool {
        self.actions.values().flat_map(|action| action.outputs.values()).any(|artifact| artifact.digest == digest)
    }

    fn measured(&self, store: &Store) -> Result<Vec<(String, Measured)>> {
        let mut measured = Vec::new();
        for (stage, action) in &self.actions {
            measured.extend(of_actions(store, [action])?.into_iter().map(|row| (stage.point().to_owned(), row)));
        }
        Ok(measured)
    }
}

impl StageDifference {
    fn only(stage: &StageName, how: How) -> Self {
        Self { stage: stage.clone(), how, differences: Vec::new() }
    }
}

fn differing(stage: &StageName, old: Option<Manifest>, new: Option<Manifest>, now: &Side<'_>) -> StageDifference {
    let Some((old, new)) = old.zip(new) else { return StageDifference::only(stage, How::Unknown) };
    let differences = new.differences(&old);
    let from_before = |difference: &Difference| {
        matches!(difference.field, KeyField::Input(_))
            && difference.new.as_deref().and_then(Digest::parse).is_some_and(|digest| now.made(digest))
    };
    let how = if differences.iter().all(from_before) { How::Before } else { How::Own };
    StageDifference { stage: stage.clone(), how, differences }
}

fn metrics(old: &[(String, Measured)], new: &[(String, Measured)]) -> Vec<MetricDifference> {
    let find = |rows: &[(String, Measured)], point: &str, identity: &[(String, String)], metric: &str| {
        let row = rows.iter().find(|(known, row)| known == point && row.identity == identity);
        row.and_then(|(_, row)| row.numbers.iter().find(|(name, _)| name == metric).map(|(_, value)| *value))
    };
    let mut metrics: Vec<MetricDifference> = Vec::new();
    for (point, row) in new.iter().chain(old) {
        for (metric, _) in &row.numbers {
            let is_known = |known: &MetricDifference| {
                known.point == *point && known.identity == row.identity && known.metric == *metric
            };
            if !metrics.iter().any(is_known) {
                metrics.push(MetricDifference {
                    point: point.clone(),
                    identity: row.identity.clone(),
                    metric: metric.clone(),
                    old: find(old, point, &row.identity, metric),
                    new: find(new, point, &row.identity, metric),
                });
            }
        }
    }
    metrics
}
