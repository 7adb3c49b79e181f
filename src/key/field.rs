//! The fields of a key: the kinds of things that decide a result, each with its name where a stage may have several.

use crate::key::{FieldHasher, InputName, Label};
use std::fmt;

/// One field of a key. The order is the one in which fields are hashed and shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyField {
    /// What the stage is, such as `ingest`.
    Stage,
    /// The digest of its code.
    Code,
    /// A variable of the environment of a command.
    Environment(String),
    /// A parameter.
    Parameter(String),
    /// The words of a command.
    Command,
    /// The names of the outputs of a command.
    Outputs,
    /// The seed.
    Seed,
    /// An input from another stage, or an external one of a port.
    Input(InputName),
    /// An external file or folder of a command.
    File(Label),
}

impl KeyField {
    /// Feeds the field to a hasher: a tag, then the parts of its name. A tag says how many parts follow, so no two lists of
    /// fields give the same bytes.
    pub fn hash_into(&self, hasher: &mut FieldHasher) {
        let tag: u8 = match self {
            Self::Stage => 0,
            Self::Code => 1,
            Self::Environment(_) => 2,
            Self::Parameter(_) => 3,
            Self::Command => 4,
            Self::Outputs => 5,
            Self::Seed => 6,
            Self::Input(_) => 7,
            Self::File(_) => 8,
        };
        hasher.field(&[tag]);
        match self {
            Self::Stage | Self::Code | Self::Command | Self::Outputs | Self::Seed => {}
            Self::Environment(name) | Self::Parameter(name) => hasher.field(name.as_bytes()),
            Self::Input(InputName { port, label }) => {
                hasher.field(port.as_str().as_bytes());
                hasher.field(label.as_str().as_bytes());
            }
            Self::File(label) => hasher.field(label.as_str().as_bytes()),
        }
    }
}

impl fmt::Display for KeyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage => f.write_str("stage"),
            Self::Code => f.write_str("code"),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Command => f.write_str("command"),
            Self::Outputs => f.write_str("outputs"),
            Self::Seed => f.write_str("seed"),
            Self::Input(input) => write!(f, "input {input}"),
            Self::File(label) => write!(f, "file {label}"),
        }
    }
}
