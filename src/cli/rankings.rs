//! Which stage's ranked lists a command means.

use crate::cli::lineage::producer;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use petgraph::graph::NodeIndex;

/// The kind of artifact that ranked lists are.
const RANKINGS: &str = "rankings";

/// The stage whose lists are chosen where several make some.
const PRECACHE: &str = "precache";

/// The stage that is named, or the only one that makes ranked lists, or the only one of them that uses `precache`.
///
/// # Errors
/// When the name means no such stage, or several are left.
pub(super) fn ranking_stage(session: &Session, named: Option<&str>) -> Result<NodeIndex> {
    if named.is_some() {
        return producer(session, RANKINGS, named);
    }
    let stages = &session.graph.stages;
    let makes = |stage: &NodeIndex| stages[*stage].description.outputs.iter().any(|output| output.kind.0 == RANKINGS);
    let found: Vec<NodeIndex> = session.graph.order.iter().copied().filter(makes).collect();
    let precached = found.iter().copied().filter(|stage| stages[*stage].description.name == PRECACHE);
    match (found.as_slice(), precached.collect::<Vec<_>>().as_slice()) {
        ([one], _) | (_, [one]) => Ok(*one),
        ([], _) => Err(Error::Usage {
            message: format!("pipeline '{}' has no stage that makes ranked lists", session.graph.pipeline),
            hint: Some("name a pipeline with precache or a baseline".to_owned()),
        }),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|stage| stages[*stage].name.as_str()).collect();
            Err(Error::Usage {
                message: format!("{} stages make ranked lists", several.len()),
                hint: Some(format!("pick one with --model or --point: {}", names.join(", "))),
            })
        }
    }
}
