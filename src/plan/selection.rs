//! Which stages a command is about: `--from`, `--until`, `--only` and `--force`.

use crate::error::{Error, Result};
use crate::names::closest;
use crate::plan::graph::Graph;
use petgraph::graph::NodeIndex;
use std::collections::BTreeSet;

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Run this stage and all after it again.
    pub from: Option<String>,
    /// Go no further than this stage.
    pub until: Option<String>,
    /// Run nothing but this stage.
    pub only: Option<String>,
    /// Run these again; `*` is all.
    pub force: Vec<String>,
}

/// What that means for a graph.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The stages that are looked at.
    pub scope: BTreeSet<NodeIndex>,
    /// Those of them that may run.
    pub runnable: BTreeSet<NodeIndex>,
    /// Those that run even when the store has their result.
    pub forced: BTreeSet<NodeIndex>,
}

impl Selection {
    /// Resolves the names in `wishes`.
    pub fn of(graph: &Graph, wishes: &Wishes) -> Result<Self> {
        let mut scope: BTreeSet<NodeIndex> = graph.order.iter().copied().collect();
        let mut runnable = scope.clone();
        let mut forced = BTreeSet::new();
        if let Some(until) = &wishes.until {
            scope = graph.upstream(find(graph, until)?);
            runnable.clone_from(&scope);
        }
        if let Some(only) = &wishes.only {
            let only = find(graph, only)?;
            scope = graph.upstream(only);
            runnable = BTreeSet::from([only]);
        }
        if let Some(from) = &wishes.from {
            forced = graph.downstream(find(graph, from)?);
        }
        for name in &wishes.force {
            if name == "*" {
                forced.extend(&runnable);
            } else {
                forced.insert(find(graph, name)?);
            }
        }
        Ok(Self { scope, runnable, forced })
    }
}

fn find(graph: &Graph, name: &str) -> Result<NodeIndex> {
    graph.find(name).ok_or_else(|| {
        let names: Vec<&str> = graph.order.iter().map(|index| graph.stages[*index].name.as_str()).collect();
        Error::Usage {
            message: format!("pipeline '{}' has no stage '{name}'", graph.pipeline),
            hint: Some(closest(name, names.iter().copied()).map_or_else(
                || format!("its stages are {}", names.join(", ")),
                |near| format!("did you mean '{near}'?"),
            )),
        }
    })
}
