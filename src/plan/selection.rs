//! Which stages a command is about: `--from`, `--until`, `--only` and `--force`.

use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::plan::graph::Graph;
use petgraph::graph::NodeIndex;
use std::collections::BTreeSet;

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct SelectionOptions {
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
    /// Resolves the names in `options`.
    pub fn of(graph: &Graph, options: &SelectionOptions) -> Result<Self> {
        let mut scope: BTreeSet<NodeIndex> = graph.order.iter().copied().collect();
        let mut runnable = scope.clone();
        let mut forced = BTreeSet::new();
        if let Some(until) = &options.until {
            scope = upstream(graph, &find(graph, until)?);
            runnable.clone_from(&scope);
        }
        if let Some(only) = &options.only {
            let only = find(graph, only)?;
            scope = upstream(graph, &only);
            runnable = only.into_iter().collect();
        }
        if let Some(from) = &options.from {
            forced = find(graph, from)?.into_iter().flat_map(|from| graph.downstream(from)).collect();
        }
        for name in &options.force {
            if name == "*" {
                forced.extend(&runnable);
            } else {
                forced.extend(find(graph, name)?);
            }
        }
        Ok(Self { scope, runnable, forced })
    }
}

fn upstream(graph: &Graph, of: &[NodeIndex]) -> BTreeSet<NodeIndex> {
    of.iter().flat_map(|of| graph.upstream(*of)).collect()
}

fn find(graph: &Graph, name: &str) -> Result<Vec<NodeIndex>> {
    let found = graph.find(name);
    if !found.is_empty() {
        return Ok(found);
    }
    let names = graph.stage_names();
    let hint = suggestion(name, names.iter().copied(), "its stages are");
    Err(Error::Usage { message: format!("pipeline '{}' has no stage '{name}'", graph.pipeline), hint: Some(hint) })
}
