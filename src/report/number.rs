//! A number in a JSON file of an output, such as the NDCG@10 of held-out items in a report.

use crate::error::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// Reads the number at a JSON pointer in the JSON file of an artifact; `None` when there is no such file or number.
///
/// # Errors
/// When the folder or the file cannot be read, or the file is not JSON.
pub fn number(artifact: &Path, pointer: &str) -> Result<Option<f64>> {
    let unreadable = |error| Error::io("reading", artifact, error);
    let mut files = Vec::new();
    for entry in fs_err::read_dir(artifact).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    let Some(file) = files.into_iter().min() else { return Ok(None) };
    let unreadable = |error| Error::io("reading", &file, error);
    let bytes = fs_err::read(&file).map_err(unreadable)?;
    let report: Value = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))?;
    Ok(report.pointer(pointer).and_then(Value::as_f64))
}
