//! The graph for programs.

use crate::report::graph::drawing::{Drawing, Edge, Kind, Node};
use serde_json::{Value, json};

/// An object with the nodes and the edges: from a stage, or from a file, to a stage.
pub(super) fn draw(drawing: &Drawing) -> Value {
    let edge = |edge: &Edge| {
        let (from, to) = (&drawing.nodes[edge.from].name, &drawing.nodes[edge.to].name);
        match &edge.output {
            Some(output) => json!({ "from": from, "output": output, "to": to, "input": edge.input_name }),
            None => json!({ "file": from, "to": to, "input": edge.input_name }),
        }
    };
    json!({
        "pipeline": drawing.pipeline,
        "nodes": drawing.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": drawing.edges.iter().map(edge).collect::<Vec<_>>(),
    })
}

fn node(node: &Node) -> Value {
    match &node.kind {
        Kind::Stage { uses, state, reason } => json!({
            "name": node.name, "kind": "stage", "uses": uses, "status": state.as_str(), "reason": reason,
        }),
        Kind::External => json!({ "name": node.name, "kind": "external" }),
    }
}
