//! Ports: the typed places where artifacts enter and leave a stage.

use serde::{Deserialize, Serialize};

/// What an artifact is, such as `interactions` or `codes`. Two ports may be joined only when their kinds are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub String);

/// A place where an artifact enters a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPort {
    /// The port's name, unique in the stage.
    pub name: String,
    /// What may be joined to it.
    pub kind: Kind,
    /// Whether the stage can run without it.
    pub required: bool,
    /// Whether it takes several artifacts, each with a label of its own.
    pub many: bool,
    /// Whether it may be bound to a file or folder outside the store, as a parameter with the port's name.
    pub external: bool,
    /// Whether it may be bound to several such files, as a list or a pattern.
    #[serde(default)]
    pub several_paths: bool,
    /// What it is for, in a sentence.
    pub doc: String,
}

impl InputPort {
    /// A required port that takes one artifact.
    #[must_use]
    pub fn required(name: &str, kind: &str, doc: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind(kind.to_owned()),
            required: true,
            many: false,
            external: false,
            several_paths: false,
            doc: doc.to_owned(),
        }
    }

    /// A port that may stay unbound.
    #[must_use]
    pub fn optional(name: &str, kind: &str, doc: &str) -> Self {
        Self { required: false, ..Self::required(name, kind, doc) }
    }

    /// The same port, which takes any number of labelled artifacts.
    #[must_use]
    pub fn many(self) -> Self {
        Self { many: true, ..self }
    }

    /// The same port, which may also be bound to a path outside the store.
    #[must_use]
    pub fn or_path(self) -> Self {
        Self { external: true, ..self }
    }

    /// The same port, which may also be bound to one or several paths outside the store.
    #[must_use]
    pub fn or_paths(self) -> Self {
        Self { external: true, several_paths: true, ..self }
    }
}

/// A place where an artifact leaves a stage: always a folder with at least one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputPort {
    /// The port's name, unique in the stage.
    pub name: String,
    /// What leaves there.
    pub kind: Kind,
    /// What it holds and in which format, in a sentence.
    pub doc: String,
    /// By how much a number in it may differ when it is made again; absent where every byte has to be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
}

impl OutputPort {
    /// An output of that name and kind.
    #[must_use]
    pub fn new(name: &str, kind: &str, doc: &str) -> Self {
        Self { name: name.to_owned(), kind: Kind(kind.to_owned()), doc: doc.to_owned(), tolerance: None }
    }

    /// The same output, whose numbers may differ by at most `tolerance` when it is made again.
    #[must_use]
    pub fn within(self, tolerance: f64) -> Self {
        Self { tolerance: Some(tolerance), ..self }
    }
}
