//! Parameters of two stages that have to go with each other, as their descriptions say.

use crate::error::{Error, Result};
use crate::key::StageName;
use crate::pipeline::{Pipeline, StageEntry};
use crate::plan::node::Node;
use crate::plan::origin::Origin;
use crate::source::Place;
use contract::Agreement;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeSet;

/// Checks what every stage says of its parameters and those of the stages before it.
///
/// # Errors
/// [`Error::Parameter`], which points at the setting that is at fault.
pub(super) fn check(pipeline: &Pipeline, stages: &DiGraph<Node, ()>) -> Result<()> {
    for index in stages.node_indices() {
        let node = &stages[index];
        for agreement in &node.description.agreements {
            for other in at_end_of(stages, index, &agreement.path) {
                check_one(pipeline, node, &stages[other], agreement)?;
            }
        }
    }
    Ok(())
}

/// The stages that input ports lead to.
fn at_end_of(stages: &DiGraph<Node, ()>, from: NodeIndex, path: &[String]) -> BTreeSet<NodeIndex> {
    let mut found = BTreeSet::from([from]);
    for port in path {
        let before = |index: NodeIndex| {
            let inputs = stages[index].inputs.iter().filter(move |(name, _)| name.port.as_str() == port);
            inputs.filter_map(|(_, origin)| if let Origin::Output { stage, .. } = origin { Some(*stage) } else { None })
        };
        found = found.into_iter().flat_map(before).collect();
    }
    found
}

fn check_one(pipeline: &Pipeline, node: &Node, other: &Node, agreement: &Agreement) -> Result<()> {
    let Some((value, bound)) = node.parameters.get(&agreement.parameter).zip(other.parameters.get(&agreement.other))
    else {
        return Ok(());
    };
    if agreement.relation.holds(value, bound) {
        return Ok(());
    }
    let (own, others) =
        (format!("{}.{}", node.name, agreement.parameter), format!("{}.{}", other.name, agreement.other));
    let place = place(pipeline, &node.stage, &agreement.parameter)
        .or_else(|| place(pipeline, &other.stage, &agreement.other))
        .or_else(|| entry(pipeline, &node.stage).map(|entry| entry.place.clone()));
    let message = format!(
        "{own} is {value}, expected {} {others}, which is {bound}: {}",
        agreement.relation.description(),
        agreement.because
    );
    match place {
        Some(place) => Err(Error::Parameter { message, place, hint: Some(format!("change {own} or {others}")) }),
        None => Err(Error::Usage { message, hint: Some(format!("change {own} or {others}")) }),
    }
}

fn entry<'a>(pipeline: &'a Pipeline, stage: &StageName) -> Option<&'a StageEntry> {
    pipeline.stages.iter().find(|entry| entry.name == *stage)
}

/// Where the pipeline sets a parameter.
fn place(pipeline: &Pipeline, stage: &StageName, parameter: &str) -> Option<Place> {
    let setting = entry(pipeline, stage)?.settings.iter().find(|setting| setting.key.value == parameter)?;
    Some(setting.value.place.clone())
}
