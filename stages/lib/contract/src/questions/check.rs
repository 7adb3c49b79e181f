//! Whether what another program wrote is what its kind says, for stages that are commands.

use super::Question;
use crate::port::Kind;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Reads an output as the stages that take it would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The kind that the output declares.
    pub kind: Kind,
    /// The folder that was written.
    pub folder: PathBuf,
}

/// An output that can be read. One that cannot be is a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What its readers change, such as the type of a column, a sentence each.
    pub notes: Vec<String>,
}

impl Check {
    /// The kinds that are checked: those of tables whose rows are read one by one. An output of another kind is not asked about.
    pub const KINDS: [&str; 2] = ["rankings", "validation-rankings"];
}

impl Question for Check {
    const NAME: &'static str = "check";
    type Answer = Checked;
}
