//! A pipeline for files of one's own, from what the worker recognises in them.

use crate::cli::options::ingest_parameters;
use crate::error::{Error, Result};
use crate::worker;
use contract::FailureKind;
use contract::questions::{Recognise, Recognition};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

const PIPELINE: &str = include_str!("own_data.toml");

/// The stages that look at titles, for files that have some.
const TEXT_STAGES: &str = include_str!("own_data_text.toml");

/// The parameters of `ingest` that say how many interactions a user and an item must have.
const CORE: [&str; 2] = ["min_user_interactions", "min_item_interactions"];

/// The values of [`CORE`] that are tried in turn; the first is the paper's.
const CORES: [usize; 3] = [5, 3, 2];

/// Files of one's own, as they were named, and parameters of `ingest` for them.
#[derive(Debug)]
pub(super) struct OwnData<'a> {
    pub(super) files: &'a [PathBuf],
    pub(super) metadata: &'a [PathBuf],
    pub(super) settings: &'a [String],
    pub(super) worker: &'a Path,
}

/// The text of a pipeline in `folder` that reads the files.
///
/// # Errors
/// When a file is not there or cannot be recognised and read, or nothing is left of it.
pub(super) fn pipeline(data: &OwnData<'_>, folder: &Path, name: &str) -> Result<String> {
    let files = absolute(data.files)?;
    let metadata = absolute(data.metadata)?;
    let given = ingest_parameters(data.settings)?;
    let (recognition, parameters) = recognise(data.worker, &files, &metadata, &given)?;
    let report = recognition.report.as_ref();
    let count = |field: &str| report.and_then(|report| report["result"][field].as_u64()).unwrap_or_default();
    let kept = format!(
        "Users with\n# fewer than {} interactions and items with fewer than {} are left out; {} users, {} items and {} interactions stay.",
        parameters[CORE[0]],
        parameters[CORE[1]],
        count("users"),
        count("items"),
        count("interactions")
    );
    let columns = recognition.columns.iter().map(|column| format!("{} = {}", column.role, column.column));
    let summary = format!("{}: {}", recognition.format, columns.collect::<Vec<_>>().join(", "));
    let has_titles = !metadata.is_empty() && count("items_without_title") < count("items");
    let of_titles = |text: &'static str| if has_titles { text } else { "" };
    Ok(PIPELINE
        .replace("{summary}", summary.trim_end_matches(": "))
        .replace("{name}", name)
        .replace("{kept}", &kept)
        .replace("{text}", of_titles(TEXT_STAGES))
        .replace("{text_rankings}", of_titles("text-knn = \"text-knn.rankings\", "))
        .replace("{text_validation}", of_titles("text-knn = \"text-knn.validation\", "))
        .replace("{ingest}", &settings(&recognition, &parameters, &files, &metadata, folder)?))
}

/// What the files are, and the parameters of `ingest` with the largest number of [`CORES`] that leaves something of them.
fn recognise(
    worker: &Path,
    files: &[PathBuf],
    metadata: &[PathBuf],
    given: &Map<String, Value>,
) -> Result<(Recognition, Map<String, Value>)> {
    let ask = |core: usize| {
        let mut parameters = given.clone();
        for name in CORE {
            parameters.entry(name).or_insert_with(|| core.into());
        }
        let request = Recognise {
            files: files.to_vec(),
            metadata: metadata.to_vec(),
            parameters: parameters.clone(),
            rows: 0,
            report: true,
            threads: available_parallelism().map_or(1, usize::from),
        };
        worker::ask(worker, &request).map(|recognition| (recognition, parameters))
    };
    let (last, before) = CORES.split_last().unwrap_or((&1, &[]));
    for &core in before {
        match ask(core) {
            Err(Error::Answer(failure)) if failure.kind == FailureKind::NothingUsable => {}
            answer => return answer,
        }
    }
    ask(*last)
}

/// The lines below `uses = "ingest"`.
fn settings(
    recognition: &Recognition,
    parameters: &Map<String, Value>,
    files: &[PathBuf],
    metadata: &[PathBuf],
    folder: &Path,
) -> Result<String> {
    let sequences = recognition.port == "sequences";
    let mut lines = vec![format!("{} = {}", recognition.port, paths(files, folder)?)];
    if !metadata.is_empty() {
        let port = if sequences { "item_text" } else { "metadata" };
        lines.push(format!("{port} = {}", paths(metadata, folder)?));
    }
    if !sequences {
        lines.push(format!("format = {}", text(&recognition.format)));
    }
    if matches!(recognition.format.as_str(), "csv" | "parquet") {
        let columns = recognition.columns.iter().map(|column| format!("{} = {}", column.role, text(&column.column)));
        lines.push(format!("columns = {{ {} }}", columns.collect::<Vec<_>>().join(", ")));
    }
    // The form and the columns stand there already, as they were recognised.
    let written = |(name, _): &(&String, &Value)| !["format", "columns"].contains(&name.as_str());
    for (name, value) in parameters.iter().filter(written) {
        let value = toml::Value::try_from(value).map_err(|error| Error::Usage {
            message: format!("--set {name}={value}: {error}"),
            hint: Some("a value of TOML is expected".to_owned()),
        })?;
        lines.push(format!("{name} = {value}"));
    }
    Ok(lines.join("\n"))
}

/// One path as a TOML string, several as a list, as the pipeline's folder sees them.
fn paths(paths: &[PathBuf], folder: &Path) -> Result<String> {
    let written = |path: &PathBuf| {
        let seen = pathdiff::diff_paths(path, folder).unwrap_or_else(|| path.clone());
        seen.to_str().map(text).ok_or_else(|| Error::Usage {
            message: format!("--from {}: a pipeline names files in UTF-8, and this name is not", path.display()),
            hint: Some("rename the file".to_owned()),
        })
    };
    let mut written = paths.iter().map(written).collect::<Result<Vec<_>>>()?;
    Ok(if written.len() == 1 { written.remove(0) } else { format!("[{}]", written.join(", ")) })
}

fn text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The paths in full.
fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let full = |path: &PathBuf| {
        path.canonicalize().map_err(|_| Error::Missing(vec![format!("there is nothing at {}", path.display())]))
    };
    paths.iter().map(full).collect()
}
