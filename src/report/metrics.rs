//! Artifacts of metrics, as far as the runner knows them: JSON files, each an array of rows with texts that say what was
//! measured, and numbers that say how much.

use crate::error::{Error, Result};
use fs_err as fs;
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::path::Path;

/// The kind of an output that holds metrics.
pub const KIND: &str = "metrics";

/// The table that every artifact of metrics has.
pub const MAIN: &str = "metrics";

/// One row of a table, its columns in order.
pub type Row = Map<String, Value>;

/// The rows of a table, `TABLE.json` in the folder of an artifact.
///
/// # Errors
/// When there is none, naming those that are there, or when it is not an array of objects.
pub fn rows(folder: &Path, table: &str) -> Result<Vec<Row>> {
    let path = folder.join(format!("{table}.json"));
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::Usage {
            message: format!("the metrics in {} have no table '{table}'", folder.display()),
            hint: Some(format!("there is {}", tables(folder).join(", "))),
        },
        _ => Error::io("reading", &path, error),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| Error::io("reading", &path, error.into()))
}

/// The names of the tables in an artifact, in order.
fn tables(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
