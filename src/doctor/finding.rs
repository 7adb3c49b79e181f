//! What was found of one thing, and how it is.

use crate::error::Error;
use crate::terminal::styled;
use anstyle::AnsiColor;
use serde_json::{Map, Value};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Runs work, but not all of them, or not for long.
    Warning,
    /// No run works.
    Problem,
}

/// What was found of one thing.
#[derive(Debug)]
pub struct Finding {
    /// The thing.
    pub topic: &'static str,
    /// How it is.
    pub level: Level,
    /// What was found, for people.
    pub found: String,
    /// What to do, where something is to be done.
    pub hint: Option<String>,
    /// What was found, for programs.
    pub details: Map<String, Value>,
}

/// A finding, or the error that stands for a problem.
pub(super) type Examined = Result<Finding, (&'static str, Error)>;

impl Finding {
    pub(super) fn fine(topic: &'static str, found: impl Into<String>) -> Self {
        Self { topic, level: Level::Fine, found: found.into(), hint: None, details: Map::new() }
    }

    pub(super) fn warning(topic: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { topic, level: Level::Warning, found: found.into(), hint: Some(hint.into()), details: Map::new() }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn text(&self) -> String {
        let level = styled(format!("{:<7}", self.level.name()), self.level.colour().on_default());
        let indented = |text: &str| text.replace('\n', "\n                     ");
        let mut text = format!("{level}  {:<10}  {}\n", self.topic, indented(&self.found));
        if let Some(hint) = &self.hint {
            text += &format!("{:21}→ {}\n", "", indented(hint));
        }
        text
    }
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    fn colour(self) -> AnsiColor {
        match self {
            Self::Fine => AnsiColor::Green,
            Self::Warning => AnsiColor::Yellow,
            Self::Problem => AnsiColor::Red,
        }
    }
}
