//! What is in an artifact of some kind, for readers and writers in other languages.

use serde::{Deserialize, Serialize};

/// The main file of a kind of artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactSchema {
    /// The kinds that have this form.
    pub kinds: Vec<String>,
    /// The name of the file in the artifact's folder.
    pub file: String,
    /// What it holds, in which order, as a sentence.
    pub about: String,
    /// Its columns or tensors, in order.
    pub fields: Vec<FieldSchema>,
}

/// A column of a table, or a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// The name.
    pub name: String,
    /// The type of a cell; of a tensor with its shape.
    pub form: String,
    /// What it means.
    pub about: String,
}

impl FieldSchema {
    /// A field of that name.
    pub fn new(name: &str, form: &str, about: &str) -> Self {
        Self { name: name.to_owned(), form: form.to_owned(), about: about.to_owned() }
    }
}
