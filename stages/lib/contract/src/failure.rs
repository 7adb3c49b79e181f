//! How a stage fails: what class of failure, what was found, and what to do about it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// The result of anything that a stage does.
pub type Result<T> = std::result::Result<T, Failure>;

/// The classes of failure. Each is an exit code of the worker and of `pipe`, listed in `docs/reference/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Anything that has no class of its own; a bug in the stage as well.
    Stage,
    /// A file that cannot be read to its end: truncated, damaged, unreadable.
    DamagedFile,
    /// A row that cannot be parsed.
    MalformedRow,
    /// A row or file without a field that it must have, or with one of another type.
    MissingField,
    /// An input that holds nothing usable.
    NothingUsable,
    /// Parameters or inputs that contradict each other.
    Conflict,
    /// A device that was asked for and is not there.
    Device,
    /// Training that diverged: a loss that is not a number.
    Diverged,
    /// The folder for outputs cannot be written.
    Output,
    /// A request that this worker does not understand: runner and worker are of different versions.
    Protocol,
}

impl FailureKind {
    /// The exit code of this class.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Stage => 20,
            Self::DamagedFile => 21,
            Self::MalformedRow => 22,
            Self::MissingField => 23,
            Self::NothingUsable => 24,
            Self::Conflict => 25,
            Self::Device => 26,
            Self::Diverged => 27,
            Self::Output => 28,
            Self::Protocol => 43,
        }
    }
}

/// A failure with its class, a message that names the place and what was found, and optionally the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class.
    pub kind: FailureKind,
    /// What failed, where, what was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of that class.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same failure with the way out.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A file that could not be read; the message names it.
    pub fn reading(path: &Path, error: impl fmt::Display) -> Self {
        Self::new(FailureKind::DamagedFile, format!("cannot read {}: {error}", path.display()))
    }

    /// A file that could not be written; the message names it.
    pub fn writing(path: &Path, error: impl fmt::Display) -> Self {
        Self::new(FailureKind::Output, format!("cannot write {}: {error}", path.display()))
    }

    /// Anything else that went wrong while `doing`.
    pub fn other(doing: &str, error: impl fmt::Display) -> Self {
        Self::new(FailureKind::Stage, format!("{doing}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// A file could not be read or written where no better class is known: `fs_err` errors already name the path.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(FailureKind::Stage, error.to_string())
    }
}
