//! Where in its sources a pipeline says something, so that an error can point there.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// A source that settings come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// A pipeline file and its text.
    File {
        /// Where the file is.
        path: PathBuf,
        /// What it held when it was read.
        text: String,
    },
    /// An argument of the command line, as given.
    Argument(String),
}

impl Source {
    /// Its text, and what an error calls it.
    pub fn shown(&self) -> (&str, String) {
        match self {
            Self::File { path, text } => (text, path.display().to_string()),
            Self::Argument(text) => (text, "--set".to_owned()),
        }
    }

    /// The folder that relative paths in it start from, for a file.
    pub fn folder(&self) -> Option<PathBuf> {
        let Self::File { path, .. } = self else { return None };
        std::path::absolute(path.parent()?.join(".")).ok().map(|folder| folder.components().collect())
    }
}

/// A range of bytes in a source.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The source.
    pub source: Arc<Source>,
    /// The bytes.
    pub span: Range<usize>,
}

impl Place {
    /// A place in that source.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self { source: Arc::clone(source), span }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.span)
    }
}

/// A value together with the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}
