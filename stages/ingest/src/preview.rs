//! What a file would be read as, for `pipe ingest --dry-run` and for new pipelines.

use crate::formats::{Recognised, first_rows, recognise as recognise_file};
use crate::inputs::Inputs;
use crate::parameters::{Format, Parameters};
use crate::source::Files;
use crate::{ingest, sequences};
use contract::questions::{Recognise, RecognisedColumn, Recognition};
use contract::{Failure, FailureKind, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Recognises files, shows their first rows, and reports what ingest would make of all of them if it is asked to.
///
/// # Errors
/// When the parameters are none of ingest's, a file cannot be recognised or read, or, with a report, ingest would fail.
pub fn recognise(request: &Recognise) -> Result<Recognition> {
    let parameters: Parameters = serde_json::from_value(Value::Object(request.parameters.clone()))
        .map_err(|error| Failure::new(FailureKind::Conflict, format!("parameters of ingest: {error}")))?;
    let files = Files::of(&request.files, parameters.files.as_deref())?;
    let recognised = recognise_file(files.first(), &parameters)?;
    let rows = rows(files.first(), &recognised, &parameters, request.rows)?;
    let (mut report, mut lines) = (None, Vec::new());
    if request.report {
        let inputs = Inputs::of_files(&request.files, &request.metadata, parameters.files.clone());
        let inputs = if recognised.format == Format::LcRec { inputs.with_interactions_as("sequences") } else { inputs };
        let scratch = tempfile::tempdir().map_err(|error| Failure::other("make a folder for texts", error))?;
        let made = ingest(&inputs, &parameters, request.threads, scratch.path(), None, &|_| ())?;
        lines = made.lines();
        report = Some(serde_json::to_value(&made).map_err(|error| Failure::other("write the report", error))?);
    }
    let column = |(role, name): (&str, String)| RecognisedColumn { role: role.to_owned(), column: name };
    Ok(Recognition {
        port: if recognised.format == Format::LcRec { "sequences" } else { "interactions" }.to_owned(),
        format: recognised.format.as_str().to_owned(),
        files: files.paths,
        columns: recognised.reader.columns().into_iter().map(column).collect(),
        all_columns: recognised.reader.names(),
        has_times: recognised.reader.has_times(),
        rows,
        report,
        lines,
    })
}

/// The first rows, as they are read and cleaned.
fn rows(
    path: &Path,
    recognised: &Recognised,
    parameters: &Parameters,
    wanted: usize,
) -> Result<Vec<Map<String, Value>>> {
    let object = |value: Value| if let Value::Object(fields) = value { fields } else { Map::new() };
    if recognised.format == Format::LcRec {
        let first = sequences::first(path, wanted)?.into_iter();
        return Ok(first.map(|(user, items)| object(json!({ "user": user, "items": items }))).collect());
    }
    let batch = first_rows(path, recognised, parameters)?;
    let has_text = recognised.reader.columns().iter().any(|(role, _)| *role == "text");
    let row = |row: usize| {
        let mut fields = object(json!({ "user": batch.users.get(row), "item": batch.items.get(row) }));
        if recognised.reader.has_times() {
            fields.insert("time".to_owned(), batch.times[row].into());
        }
        if has_text {
            fields.insert("text".to_owned(), batch.texts.get(row).into());
        }
        fields
    };
    Ok((0..batch.len().min(wanted)).map(row).collect())
}
