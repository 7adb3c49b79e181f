//! A current result with everything upstream of it, as the worker is told of it.

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::plan::{Origin, SelectionOptions};
use crate::store::Action;
use petgraph::graph::NodeIndex;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The stage that is named, or the only one of the pipeline, that makes an artifact of that kind.
pub(super) fn producer(session: &Session, kind: &str, named: Option<&str>) -> Result<NodeIndex> {
    let makes =
        |stage: &NodeIndex| session.graph.stages[*stage].description.outputs.iter().any(|output| output.kind.0 == kind);
    let what = kind.replace('-', " ");
    if let Some(name) = named {
        let one = session.one(name)?;
        return makes(&one).then_some(one).ok_or_else(|| Error::Usage {
            message: format!("stage '{name}' makes no {what}"),
            hint: Some("leave --stage out to have it found".to_owned()),
        });
    }
    let found: Vec<NodeIndex> = session.graph.order.iter().copied().filter(makes).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::Usage {
            message: format!("pipeline '{}' has no stage that makes a {what}", session.graph.pipeline),
            hint: Some("name a pipeline that has one".to_owned()),
        }),
        several => {
            let names: Vec<&str> = several.iter().map(|stage| session.graph.stages[*stage].name.as_str()).collect();
            Err(Error::Usage {
                message: format!("{} stages make a {what}", several.len()),
                hint: Some(format!("pick one with --stage or --point: {}", names.join(", "))),
            })
        }
    }
}

/// A stage of the pipeline `asked` for, with what it was given and what it made, and the same of every stage upstream. The
/// store's lock has to be held for as long as that is needed.
///
/// # Errors
/// When the stage has no cached result.
pub(super) fn lineage(session: &Session, asked: &str, stage: NodeIndex) -> Result<Value> {
    let name = session.graph.stages[stage].name.as_str();
    let selection =
        session.select(&SelectionOptions { until: Some(name.to_owned()), ..SelectionOptions::default() })?;
    let current = session.current(&selection)?;
    if !current.contains_key(&stage) {
        return Err(Error::NoResults(format!(
            "'{name}' has no cached result; run `pipe run {asked} --until {name}` first"
        )));
    }
    Ok(made(session, stage, &current))
}

/// Those of `current` are whole: a stage is in it only with all that it uses.
fn made(session: &Session, stage: NodeIndex, current: &BTreeMap<NodeIndex, Box<Action>>) -> Value {
    let node = &session.graph.stages[stage];
    let folder = |stage: &NodeIndex, port| {
        let artifact = current.get(stage).and_then(|action| action.outputs.get(port));
        artifact.map(|artifact| session.store.artifact(&artifact.digest))
    };
    let mut inputs: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (input_name, origin) in &node.inputs {
        let input = match origin {
            Origin::External(path) => json!({ "path": path, "made_by": null }),
            Origin::Output { stage, port } => {
                json!({ "path": folder(stage, port), "made_by": made(session, *stage, current) })
            }
        };
        inputs.entry(input_name.port.as_str()).or_default().push(input);
    }
    let ports = current.get(&stage).into_iter().flat_map(|action| action.outputs.keys());
    let outputs: BTreeMap<&str, _> = ports.map(|port| (port.as_str(), folder(&stage, port))).collect();
    json!({
        "name": node.name.as_str(),
        "uses": node.description.name,
        "parameters": node.parameters,
        "inputs": inputs,
        "outputs": outputs,
    })
}
