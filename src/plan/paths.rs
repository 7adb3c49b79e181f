//! The paths that are passed to stages: as text, so they have to be UTF-8.

use crate::error::{Error, Result};
use crate::plan::graph::Graph;
use crate::plan::node::{Node, Program};
use crate::plan::origin::Origin;
use std::path::Path;

impl Graph {
    /// Checks that each stage can be given the paths that it needs when the store is at `root`: the worker reads all of its
    /// paths from JSON, and a command has the path of its checkpoint among its arguments.
    pub fn check_paths(&self, root: &Path) -> Result<()> {
        for node in self.stages.node_weights() {
            let unreadable = needed(node, root).into_iter().find(|path| path.to_str().is_none());
            if let Some(path) = unreadable {
                return Err(Error::Usage {
                    message: format!(
                        "the path {} is not UTF-8, so it cannot be passed to {}",
                        path.display(),
                        node.name
                    ),
                    hint: Some("name another store with --store or PIPE_STORE, or rename the folder".to_owned()),
                });
            }
        }
        Ok(())
    }
}

/// The paths that a stage needs as text.
fn needed<'a>(node: &'a Node, root: &'a Path) -> Vec<&'a Path> {
    match &node.program {
        Program::Worker => {
            let outside = |origin: &'a Origin| if let Origin::External(path) = origin { Some(&**path) } else { None };
            std::iter::once(root).chain(node.inputs.values().filter_map(outside)).collect()
        }
        Program::Command(_) if node.description.checkpoints => vec![root],
        Program::Command(_) => Vec::new(),
    }
}
