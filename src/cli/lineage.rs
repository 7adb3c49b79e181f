//! A cached result with everything upstream of it, as requests to the worker contain it.

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::key::PortName;
use crate::plan::{Origin, SelectionOptions};
use crate::store::Action;
use contract::questions::{Lineage, LineageInput};
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The stage that is named, or the only one of the pipeline, that makes an artifact of that kind.
pub(super) fn producer(session: &Session, kind: &str, named: Option<&str>) -> Result<NodeIndex> {
    let makes =
        |stage: &NodeIndex| session.graph.stages[*stage].description.outputs.iter().any(|output| output.kind.0 == kind);
    let noun = kind.replace('-', " ");
    if let Some(name) = named {
        let one = session.one(name)?;
        return makes(&one).then_some(one).ok_or_else(|| Error::Usage {
            message: format!("stage '{name}' makes no {noun}"),
            hint: Some("leave --stage out to have it found".to_owned()),
        });
    }
    let found: Vec<NodeIndex> = session.graph.order.iter().copied().filter(makes).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::Usage {
            message: format!("pipeline '{}' has no stage that makes a {noun}", session.graph.pipeline),
            hint: Some("name a pipeline that has one".to_owned()),
        }),
        several => {
            let names: Vec<&str> = several.iter().map(|stage| session.graph.stages[*stage].name.as_str()).collect();
            Err(Error::Usage {
                message: format!("{} stages make a {noun}", several.len()),
                hint: Some(format!("pick one with --stage or --point: {}", names.join(", "))),
            })
        }
    }
}

/// A stage of the pipeline `asked` for, with its inputs and outputs, and the same of every stage upstream.
///
/// The caller holds the store's lock for as long as the paths are needed.
///
/// # Errors
/// When the stage has no cached result.
pub(super) fn lineage(session: &Session, asked: &str, stage: NodeIndex) -> Result<Lineage> {
    let name = session.graph.stages[stage].name.as_str();
    let selection =
        session.select(&SelectionOptions { until: Some(name.to_owned()), ..SelectionOptions::default() })?;
    let current = session.current(&selection)?;
    if !current.contains_key(&stage) {
        return Err(Error::NoResults(format!(
            "'{name}' has no cached result; run `pipe run {asked} --until {name}` first"
        )));
    }
    Ok(result(session, stage, &current))
}

/// The stages of `current` are complete: a stage is in it only with all that it uses.
fn result(session: &Session, stage: NodeIndex, current: &BTreeMap<NodeIndex, Box<Action>>) -> Lineage {
    let node = &session.graph.stages[stage];
    let mut inputs: BTreeMap<String, Vec<LineageInput>> = BTreeMap::new();
    for (input_name, origin) in &node.inputs {
        let input = match origin {
            Origin::External(path) => Some(LineageInput { path: path.clone(), producer: None }),
            Origin::Output { stage, port } => folder(session, current, *stage, port)
                .map(|path| LineageInput { path, producer: Some(result(session, *stage, current)) }),
        };
        inputs.entry(input_name.port.to_string()).or_default().extend(input);
    }
    let ports = current.get(&stage).into_iter().flat_map(|action| action.outputs.keys());
    let outputs = ports.filter_map(|port| Some((port.to_string(), folder(session, current, stage, port)?)));
    Lineage {
        name: node.name.to_string(),
        uses: node.description.name.clone(),
        parameters: node.parameters.clone(),
        outputs: outputs.collect(),
        inputs,
    }
}

fn folder(
    session: &Session,
    current: &BTreeMap<NodeIndex, Box<Action>>,
    stage: NodeIndex,
    port: &PortName,
) -> Option<PathBuf> {
    let artifact = current.get(&stage)?.outputs.get(port)?;
    Some(session.store.artifact(&artifact.digest))
}
