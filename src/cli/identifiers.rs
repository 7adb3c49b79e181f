//! Where the identifiers of users and items are that stand behind the numbers of a result.

use crate::cli::session::Session;
use crate::key::PortName;
use crate::store::Action;
use contract::questions::Peek;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The current results of stages.
pub(super) type Current = BTreeMap<NodeIndex, Box<Action>>;

/// The artifacts upstream of a stage, or of its own, that have identifiers, by kind. A kind that several stages make is left out.
pub(super) fn identifiers(session: &Session, current: &Current, stage: NodeIndex) -> BTreeMap<String, PathBuf> {
    let upstream = session.graph.upstream(stage);
    let folder = |kind: &str| {
        let mut folders = current.iter().filter(|(stage, _)| upstream.contains(stage)).flat_map(|(stage, action)| {
            let outputs = &session.graph.stages[*stage].description.outputs;
            outputs.iter().filter(|output| output.kind.0 == kind).filter_map(|output| {
                let artifact = action.outputs.get(&PortName::new(output.name.as_str()))?;
                Some(session.store.artifact(&artifact.digest))
            })
        });
        folders.next().filter(|_| folders.next().is_none())
    };
    Peek::NAMING.iter().filter_map(|kind| Some(((*kind).to_owned(), folder(kind)?))).collect()
}
