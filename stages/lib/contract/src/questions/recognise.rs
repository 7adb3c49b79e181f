//! What files of interactions would be read as, for `pipe ingest --dry-run` and for new pipelines.

use super::Question;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Recognises files of interactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognise {
    /// The files, or folders of files.
    pub files: Vec<PathBuf>,
    /// Files of the items' titles and descriptions, for the report.
    pub metadata: Vec<PathBuf>,
    /// Parameters of `ingest` that differ from their defaults.
    pub parameters: Map<String, Value>,
    /// How many of the first rows to show.
    pub rows: usize,
    /// Whether to read all files and report what `ingest` would make of them.
    pub report: bool,
    /// How many threads to use.
    pub threads: usize,
}

/// What files were recognised as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recognition {
    /// The port of `ingest` that takes them.
    pub port: String,
    /// Their form, as the parameter `format` names it.
    pub format: String,
    /// The files, in the order in which they are read.
    pub files: Vec<PathBuf>,
    /// What was recognised as user, item, time, rating and text, in the first file.
    pub columns: Vec<RecognisedColumn>,
    /// The names of all columns or fields that were found; of a table without a header their numbers.
    pub all_columns: Vec<String>,
    /// Whether the rows have times.
    pub has_times: bool,
    /// The first rows of the first file.
    pub rows: Vec<Map<String, Value>>,
    /// What `ingest` would report, if that was asked for.
    pub report: Option<Value>,
    /// The report in lines for people.
    pub lines: Vec<String>,
}

/// What a column or field is used as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecognisedColumn {
    /// `user`, `item`, `time`, `rating`, `summary` or `text`.
    pub role: String,
    /// The name in the file.
    pub column: String,
}

impl Question for Recognise {
    const NAME: &'static str = "recognise";
    type Answer = Recognition;
}
