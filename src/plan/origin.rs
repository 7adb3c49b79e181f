//! What the inputs of a stage are bound to.

use crate::key::PortName;
use petgraph::graph::NodeIndex;
use std::path::PathBuf;

/// Where what enters a stage comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// An output of another stage.
    Output {
        /// The stage.
        stage: NodeIndex,
        /// The output.
        port: PortName,
    },
    /// An external input: a file or folder that no stage makes.
    External(PathBuf),
}
