//! Joining the stages of one pipeline by what enters them, checked against what they say of themselves, and their order.

use crate::error::{Error, Result};
use crate::key::{InputName, StageName, suggestion};
use crate::pipeline::{Pipeline, StageEntry};
use crate::plan::command::ANY_KIND;
use crate::plan::node::{Known, Node, node};
use crate::plan::origin::Origin;
use crate::source::Place;
use contract::{Description, InputPort};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The stages of one pipeline, joined, and their order.
pub(super) fn base(pipeline: &Pipeline, known: &Known, folder: &Path) -> Result<(DiGraph<Node, ()>, Vec<NodeIndex>)> {
    let mut stages = DiGraph::new();
    let mut named = BTreeMap::new();
    for entry in &pipeline.stages {
        let node = node(entry, pipeline.seed, known, folder)?;
        named.insert(entry.name.clone(), stages.add_node(node));
    }
    for entry in &pipeline.stages {
        join(entry, &mut stages, &named)?;
    }
    for entry in &pipeline.stages {
        check_required(entry, &stages[named[&entry.name]])?;
    }
    let order = order(pipeline, &stages)?;
    Ok((stages, order))
}

/// Joins what the entry binds, checking that both ends exist and are of one kind.
fn join(entry: &StageEntry, stages: &mut DiGraph<Node, ()>, named: &BTreeMap<StageName, NodeIndex>) -> Result<()> {
    let to = named[&entry.name];
    for binding in &entry.inputs {
        let port = input_port(entry, &stages[to].description, &binding.input_name, &binding.place)?;
        let fault =
            |message: String, hint| Error::Graph { message, place: binding.stage.place.clone(), hint: Some(hint) };
        let from = *named.get(&binding.stage.value).ok_or_else(|| {
            let names = named.keys().map(StageName::as_str);
            let hint = suggestion(binding.stage.value.as_str(), names, "the stages are");
            fault(format!("there is no stage '{}' in this pipeline", binding.stage.value), hint)
        })?;
        let outputs = &stages[from].description.outputs;
        let output = outputs.iter().find(|output| output.name == binding.output.as_str()).ok_or_else(|| {
            let names = outputs.iter().map(|output| output.name.as_str());
            let hint = suggestion(binding.output.as_str(), names, "its outputs are");
            fault(format!("stage '{}' has no output '{}'", binding.stage.value, binding.output), hint)
        })?;
        if output.kind != port.kind && port.kind.0 != ANY_KIND {
            let message = format!(
                "'{}' takes {}, but {}.{} is {}",
                binding.input_name, port.kind.0, binding.stage.value, binding.output, output.kind.0
            );
            return Err(fault(message, outputs_of_kind(stages, &port)));
        }
        if stages[to].inputs.contains_key(&binding.input_name) {
            return Err(fault(format!("'{}' is bound twice", binding.input_name), "keep one of the two".to_owned()));
        }
        let origin = Origin::Output { stage: from, port: binding.output.clone() };
        stages[to].inputs.insert(binding.input_name.clone(), origin);
        // Looking from the user's side is quick also where one output has thousands of users.
        if stages.neighbors_directed(to, Direction::Incoming).all(|used| used != from) {
            stages.add_edge(from, to, ());
        }
    }
    Ok(())
}

/// The outputs in the pipeline that could have been meant.
fn outputs_of_kind(stages: &DiGraph<Node, ()>, port: &InputPort) -> String {
    let fitting: Vec<String> = stages
        .node_weights()
        .flat_map(|node| {
            let outputs = node.description.outputs.iter().filter(|output| output.kind == port.kind);
            outputs.map(|output| format!("{}.{}", node.name, output.name))
        })
        .collect();
    if fitting.is_empty() {
        format!("no stage of this pipeline makes {}", port.kind.0)
    } else {
        format!("of that kind there is {}", fitting.join(", "))
    }
}

fn input_port(
    entry: &StageEntry,
    description: &Description,
    input_name: &InputName,
    place: &Place,
) -> Result<InputPort> {
    let fault = |message: String, hint: Option<String>| Error::Graph { message, place: place.clone(), hint };
    let port = description.inputs.iter().find(|port| port.name == input_name.port.as_str()).ok_or_else(|| {
        let names = description.inputs.iter().map(|port| port.name.as_str());
        let hint = suggestion(input_name.port.as_str(), names, "its inputs are");
        fault(format!("stage '{}' has no input '{}'", entry.uses.value, input_name.port), Some(hint))
    })?;
    match (port.many, input_name.label.as_str().is_empty()) {
        (true, true) => {
            let hint = format!("write inputs.{} = {{ LABEL = \"STAGE.OUTPUT\" }}", port.name);
            Err(fault(format!("'{}' takes several artifacts, each with a label", port.name), Some(hint)))
        }
        (false, false) => Err(fault(format!("'{}' takes one artifact, without a label", port.name), None)),
        _ => Ok(port.clone()),
    }
}

fn check_required(entry: &StageEntry, node: &Node) -> Result<()> {
    let bound: BTreeSet<&str> = node.inputs.keys().map(|input_name| input_name.port.as_str()).collect();
    match node.description.inputs.iter().find(|port| port.required && !bound.contains(port.name.as_str())) {
        None => Ok(()),
        Some(port) => Err(Error::Graph {
            message: format!("stage '{}' needs its input '{}' ({})", entry.name, port.name, port.kind.0),
            place: entry.place.clone(),
            hint: Some(format!(
                "bind it with inputs = {{ {} = \"STAGE.OUTPUT\" }}; it is for this: {}",
                port.name,
                port.doc.trim_end_matches('.').to_lowercase()
            )),
        }),
    }
}

/// Orders the stages so that each comes after those that it uses, the file's order deciding among the free ones.
pub(super) fn order(pipeline: &Pipeline, stages: &DiGraph<Node, ()>) -> Result<Vec<NodeIndex>> {
    let mut order = Vec::with_capacity(stages.node_count());
    let mut needs: Vec<usize> =
        stages.node_indices().map(|index| stages.neighbors_directed(index, Direction::Incoming).count()).collect();
    let mut free: BTreeSet<NodeIndex> = stages.node_indices().filter(|index| needs[index.index()] == 0).collect();
    while let Some(next) = free.pop_first() {
        order.push(next);
        for user in stages.neighbors(next) {
            needs[user.index()] -= 1;
            if needs[user.index()] == 0 {
                free.insert(user);
            }
        }
    }
    if order.len() == stages.node_count() {
        return Ok(order);
    }
    let Some(first) = petgraph::algo::tarjan_scc(stages)
        .into_iter()
        .find(|component| component.len() > 1 || component.iter().any(|index| stages.contains_edge(*index, *index)))
    else {
        return Ok(order);
    };
    let mut names: Vec<String> = first.iter().rev().map(|index| stages[*index].name.to_string()).collect();
    names.extend(names.first().cloned());
    let place = first
        .iter()
        .map(|index| index.index())
        .min()
        .and_then(|at| pipeline.stages.get(at))
        .map(|entry| entry.place.clone());
    let Some(place) = place else { return Ok(order) };
    Err(Error::Graph {
        message: format!("the stages use each other in a circle: {}", names.join(" → ")),
        place,
        hint: Some("remove one of these inputs".to_owned()),
    })
}
