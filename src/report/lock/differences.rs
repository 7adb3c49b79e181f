//! What a pipeline would run now, compared with its lock. Nothing has to have run for it: the lock says what enters.

use crate::error::{Error, Result};
use crate::key::Difference;
use crate::key::StageName;
use crate::plan::Planner;
use crate::report::lock::Lock;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A stage that is not what the lock says.
#[derive(Clone, Debug, PartialEq)]
pub enum LockDifference {
    /// Its key is made of other fields: old in the lock, new in the pipeline.
    Changed(StageName, Vec<Difference>),
    /// The lock does not have it.
    Added(StageName),
    /// The pipeline does not have it any more.
    Removed(StageName),
    /// The lock does not have what enters it.
    Unknown(StageName),
}

impl LockDifference {
    /// One object for each field of the key that differs.
    pub fn json(&self) -> Vec<Value> {
        match self {
            Self::Changed(stage, differences) => differences
                .iter()
                .map(|d| json!({ "stage": stage, "change": "changed", "field": d.field.to_string(), "old": d.old, "new": d.new }))
                .collect(),
            Self::Added(stage) => vec![json!({ "stage": stage, "change": "added" })],
            Self::Removed(stage) => vec![json!({ "stage": stage, "change": "removed" })],
            Self::Unknown(stage) => vec![json!({ "stage": stage, "change": "unknown" })],
        }
    }
}

impl fmt::Display for LockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(stage, differences) => {
                let each: Vec<String> = differences.iter().map(|difference| format!("{stage}: {difference}")).collect();
                f.write_str(&each.join("\n  "))
            }
            Self::Added(stage) => write!(f, "{stage}: the lock does not have it"),
            Self::Removed(stage) => write!(f, "{stage}: the pipeline does not have it any more"),
            Self::Unknown(stage) => write!(f, "{stage}: the lock does not have what enters it"),
        }
    }
}

/// The stages whose keys would not be those of the lock, in the order of the pipeline; what enters each is taken from the
/// outputs that the lock has.
///
/// # Errors
/// When an external input cannot be read.
pub fn differences_from(planner: &mut Planner<'_>, lock: &Lock) -> Result<Vec<LockDifference>> {
    let graph = planner.graph;
    let known: BTreeMap<_, _> = graph
        .order
        .iter()
        .filter_map(|stage| Some((*stage, lock.stages.get(&graph.stages[*stage].name)?.outputs.clone())))
        .collect();
    let mut found = Vec::new();
    for stage in graph.order.iter().filter(|stage| planner.selection.scope.contains(stage)) {
        let name = &graph.stages[*stage].name;
        let Some(locked) = lock.stages.get(name) else {
            found.push(LockDifference::Added(name.clone()));
            continue;
        };
        match planner.supposed(*stage, &known, &locked.manifest) {
            Ok(manifest) => {
                let differences = manifest.differences(&locked.manifest);
                if !differences.is_empty() {
                    found.push(LockDifference::Changed(name.clone(), differences));
                }
            }
            Err(Error::Contract { .. }) => found.push(LockDifference::Unknown(name.clone())),
            Err(error) => return Err(error),
        }
    }
    let names: BTreeSet<&StageName> = graph.stages.node_weights().map(|node| &node.name).collect();
    let removed = lock.stages.keys().filter(|name| !names.contains(name));
    found.extend(removed.cloned().map(LockDifference::Removed));
    planner.save();
    Ok(found)
}
