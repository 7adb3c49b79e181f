//! What an online service serves: the result of a pipeline, as the runner finds it.

use super::Lineage;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A result of kind `rankings`, with all that a service needs to serve it. `pipe serve --resolve` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The version of the protocol, as in [`super::Request`].
    pub protocol: u32,
    /// The pipeline.
    pub pipeline: String,
    /// The stage that made the lists, as the pipeline calls it.
    pub model: String,
    /// The run that made them.
    pub run: String,
    /// When they were made, in seconds since 1970.
    pub made: u64,
    /// The digest of the artifact with the lists.
    pub artifact: String,
    /// A digest of all results that the service reads.
    pub content: String,
    /// The stage, with everything upstream of it.
    pub stage: Lineage,
    /// Items that were not there at training, with their codes, as [`super::Tokenize`] writes them.
    pub new_items: Option<PathBuf>,
    /// The program that reads results and decodes.
    pub worker: PathBuf,
    /// The folder for what the service derives from results.
    pub folder: PathBuf,
    /// A link that changes when a run makes new lists.
    pub watch: PathBuf,
}
