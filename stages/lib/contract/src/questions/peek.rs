//! A part of what is in a stage's outputs, for `pipe peek`.

use super::Question;
use crate::port::Kind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Reads a part of each file of some outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peek {
    /// The outputs to read.
    pub outputs: Vec<PeekOutput>,
    /// How many rows of each table, or samples of all prompts.
    pub rows: usize,
    /// The artifacts with the identifiers behind numbers, by kind, as far as they are known; of [`Peek::NAMING`].
    pub names: BTreeMap<String, PathBuf>,
}

impl Peek {
    /// The kinds of artifacts that have the identifiers of users and items.
    pub const NAMING: [&str; 2] = ["users", "items"];
}

/// An output of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeekOutput {
    /// Its port.
    pub port: String,
    /// Its kind, where the stage declares the port.
    pub kind: Option<Kind>,
    /// The artifact's folder.
    pub folder: PathBuf,
}

/// A file of an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeekedFile {
    /// The port of the output.
    pub output: String,
    /// The file, relative to the artifact's folder.
    pub name: String,
    /// What was read of it.
    pub content: Content,
}

/// What a file contains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Samples for training a language model.
    Prompts {
        /// How many there are.
        of: usize,
        /// Some of them.
        samples: Vec<Sample>,
    },
    /// A table.
    Table {
        /// How many rows it has.
        of: usize,
        /// The first of them.
        rows: Vec<Map<String, Value>>,
    },
    /// Tensors.
    Tensors(Vec<TensorSummary>),
    /// A whole JSON file.
    Json(Value),
    /// Anything else.
    Other {
        /// The size of the file.
        bytes: u64,
    },
}

/// A training sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The kind of task.
    pub kind: String,
    /// The group of samples that share a beginning.
    pub group: u32,
    /// The text before the label.
    pub prompt: String,
    /// The text that the loss is computed on.
    pub label: String,
}

/// A tensor, without most of its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSummary {
    /// Its name.
    pub tensor: String,
    /// The type of its numbers.
    pub kind: String,
    /// Its shape.
    pub shape: String,
    /// The first numbers.
    pub first: String,
}

impl Question for Peek {
    const NAME: &'static str = "peek";
    type Answer = Vec<PeekedFile>;
}
