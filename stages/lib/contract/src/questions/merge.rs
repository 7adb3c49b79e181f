//! A tuned model as one plain folder, for `pipe export merged`.

use super::{Lineage, Question};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Writes a tuned model as one folder that other programs load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The stage that tuned the model.
    pub stage: Lineage,
    /// The folder to write, which does not exist yet.
    pub output: PathBuf,
}

/// A model that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Whether an adapter was merged; otherwise all weights had been tuned.
    pub is_adapter: bool,
    /// The size of the folder, in bytes.
    pub bytes: u64,
}

impl Question for Merge {
    const NAME: &'static str = "merge";
    type Answer = Merged;
}
