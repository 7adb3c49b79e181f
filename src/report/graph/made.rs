//! The graph of a run, from the records of its results: which output entered which stage is told by the digests.

use crate::key::{Digest, Manifest};
use crate::report::graph::drawing::{Drawing, Edge, Kind, Node};
use crate::store::{Action, RunRecord, StageRecord, Store};
use std::collections::BTreeMap;

impl Drawing {
    /// The drawing of a run. External inputs are left out: records have their digests and not their paths.
    pub fn of_run(store: &Store, record: &RunRecord) -> Self {
        let mut drawing = Self { pipeline: record.pipeline.clone(), nodes: Vec::new(), edges: Vec::new() };
        let stages: Vec<(&StageRecord, Option<Action>)> =
            record.stages.iter().map(|stage| (stage, stage.key.and_then(|key| store.action(key)))).collect();
        let mut producers: BTreeMap<Digest, (usize, String)> = BTreeMap::new();
        for (place, (stage, action)) in stages.iter().enumerate() {
            let manifest = action.as_ref().map(|action| &action.manifest).or(stage.manifest.as_ref());
            let uses = manifest.map_or_else(|| stage.stage.to_string(), |manifest| manifest.stage.clone());
            let reason = stage.reason.clone().unwrap_or_default();
            let kind = Kind::Stage { uses, state: stage.status, reason };
            drawing.nodes.push(Node { name: stage.stage.to_string(), kind });
            for (port, artifact) in action.iter().flat_map(|action| &action.outputs) {
                // Of two stages that made the same, the first is drawn.
                producers.entry(artifact.digest).or_insert_with(|| (place, port.to_string()));
            }
        }
        for (to, (stage, action)) in stages.iter().enumerate() {
            let manifest = action.as_ref().map(|action| &action.manifest).or(stage.manifest.as_ref());
            drawing.edges.extend(manifest.into_iter().flat_map(|manifest| edges(manifest, to, &producers)));
        }
        drawing
    }
}

fn edges(manifest: &Manifest, to: usize, producers: &BTreeMap<Digest, (usize, String)>) -> Vec<Edge> {
    let edge = |(input, digest): (&crate::key::InputName, &Digest)| {
        let (from, output) = producers.get(digest).filter(|(from, _)| *from != to)?;
        Some(Edge { from: *from, to, output: Some(output.clone()), input_name: input.to_string() })
    };
    manifest.inputs.iter().filter_map(edge).collect()
}
