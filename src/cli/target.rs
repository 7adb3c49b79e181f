//! What a user means by `STAGE` or `STAGE.OUTPUT`: the current result of a stage, or one output of it.

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::key::{PortName, suggestion};
use crate::plan::SelectionOptions;
use crate::store::{Action, Exported};
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};

/// A stage and the outputs that are meant.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) stage: NodeIndex,
    pub(super) ports: BTreeSet<PortName>,
}

impl Target {
    /// Finds the stage and output.
    pub(super) fn parse(session: &Session, text: &str) -> Result<Self> {
        let graph = &session.graph;
        // The name of a stage at a point has dots of its own.
        let whole = (text, None);
        let (name, port) = if graph.find(text).is_empty() {
            text.rsplit_once('.').map_or(whole, |(name, port)| (name, Some(port)))
        } else {
            whole
        };
        let stage = session.one(name)?;
        let ports = || graph.stages[stage].description.outputs.iter().map(|output| output.name.as_str());
        match port {
            None => Ok(Self { stage, ports: ports().map(PortName::new).collect() }),
            Some(port) if ports().any(|known| known == port) => {
                Ok(Self { stage, ports: BTreeSet::from([PortName::new(port)]) })
            }
            Some(port) => Err(unknown(format!("stage '{name}' has no output '{port}'"), port, ports())),
        }
    }

    /// The same, for a stage that may be several at the points of a sweep.
    pub(super) fn each(session: &Session, text: &str) -> Result<Vec<Self>> {
        let graph = &session.graph;
        match graph.find(text).as_slice() {
            [] | [_] => Ok(vec![Self::parse(session, text)?]),
            several => several.iter().map(|stage| Self::parse(session, graph.stages[*stage].name.as_str())).collect(),
        }
    }

    /// The same with several outputs of one stage as one.
    pub(super) fn joined(targets: Vec<Self>) -> Vec<Self> {
        let mut joined: BTreeMap<NodeIndex, Self> = BTreeMap::new();
        for Self { stage, ports } in targets {
            joined.entry(stage).or_insert_with(|| Self { stage, ports: BTreeSet::new() }).ports.extend(ports);
        }
        joined.into_values().collect()
    }

    /// The stages and outputs with these names, each stage once; every stage when none is named.
    pub(super) fn of(session: &Session, names: &[String]) -> Result<Vec<Self>> {
        if names.is_empty() {
            return Self::all(session);
        }
        let each = names.iter().map(|text| Self::parse(session, text));
        Ok(Self::joined(each.collect::<Result<_>>()?))
    }

    /// Every stage with all of its outputs.
    pub(super) fn all(session: &Session) -> Result<Vec<Self>> {
        let graph = &session.graph;
        graph.order.iter().map(|stage| Self::parse(session, graph.stages[*stage].name.as_str())).collect()
    }
}

/// The current results of stages, in their order. The store's lock has to be held for as long as they are needed.
///
/// # Errors
/// When one has none.
pub(super) fn current(session: &Session, targets: &[Target]) -> Result<Vec<Action>> {
    among(session, &all_current(session)?, targets)
}

/// The current results of all stages that have one.
pub(super) fn all_current(session: &Session) -> Result<BTreeMap<NodeIndex, Box<Action>>> {
    session.current(&session.select(&SelectionOptions::default())?)
}

/// Those of the targets among them, in their order.
///
/// # Errors
/// When one has none.
pub(super) fn among(
    session: &Session,
    found: &BTreeMap<NodeIndex, Box<Action>>,
    targets: &[Target],
) -> Result<Vec<Action>> {
    let result = |target: &Target| {
        found.get(&target.stage).map(|action| Action::clone(action)).ok_or_else(|| {
            let (pipeline, stage) = (&session.graph.pipeline, &session.graph.stages[target.stage].name);
            Error::NoResults(format!(
                "stage '{stage}' of pipeline '{pipeline}' has no result for what the pipeline says now; \
                 `pipe run {pipeline} --until {stage}` makes it"
            ))
        })
    };
    targets.iter().map(result).collect()
}

/// The current results of stages as they are exported, under the lock that [`current`] needs.
///
/// # Errors
/// When one has none.
pub(super) fn exported(session: &Session, targets: Vec<Target>) -> Result<Vec<Exported>> {
    let actions = current(session, &targets)?;
    let export = |(Target { stage, ports }, action)| {
        let stage = session.graph.stages[stage].name.clone();
        Exported { stage, action, ports }
    };
    Ok(targets.into_iter().zip(actions).map(export).collect())
}

fn unknown<'a>(message: String, given: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let hint = suggestion(given, known, "there is");
    Error::Usage { message, hint: Some(hint) }
}
