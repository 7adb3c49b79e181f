//! A run as MLflow keeps it in a folder: <https://mlflow.org/docs/latest/tracking/backend-stores/>.
//!
//! ```text
//! EXPERIMENT/meta.yaml           the pipeline
//! EXPERIMENT/RUN/meta.yaml       the run
//! EXPERIMENT/RUN/params/NAME     a parameter: its text
//! EXPERIMENT/RUN/metrics/NAME    a metric: time in milliseconds, value, step
//! EXPERIMENT/RUN/tags/NAME       a tag: its text
//! ```

use crate::error::{Error, Result};
use crate::report::export::series::{self, Series};
use crate::store::{Outcome, RunRecord, Store};
use fs_err as fs;
use serde_json::Value;
use std::path::Path;

/// The longest text of a parameter that MLflow takes.
const LONGEST: usize = 6000;

/// Writes a run into a tracking folder, with the parameters of its stages, the metrics of its models, the curves of its trainings and
/// what its user noted.
///
/// # Errors
/// When the folder cannot be written or a table of metrics cannot be read.
pub fn write(store: &Store, record: &RunRecord, root: &Path) -> Result<()> {
    make(root)?;
    let root = fs::canonicalize(root).map_err(|error| Error::io("reading", root, error))?;
    let experiment = experiment_id(&record.pipeline);
    let folder = root.join(&experiment);
    let run = run_id(record.run.as_str());
    let own = folder.join(&run);
    for part in ["params", "metrics", "tags", "artifacts"] {
        make(&own.join(part))?;
    }
    let moment = record.started * 1000;
    let fields = [
        ("artifact_location", quoted(&format!("file://{}", folder.display()))),
        ("creation_time", moment.to_string()),
        ("experiment_id", quoted(&experiment)),
        ("last_update_time", moment.to_string()),
        ("lifecycle_stage", "active".to_owned()),
        ("name", quoted(&record.pipeline)),
    ];
    put(&folder.join("meta.yaml"), &yaml(&fields))?;
    put(&own.join("meta.yaml"), &yaml(&run_fields(store, record, &experiment, &run, &own)))?;
    tags(record, &own)?;
    results(store, record, &own, moment)
}

fn run_fields(
    store: &Store,
    record: &RunRecord,
    experiment: &str,
    run: &str,
    own: &Path,
) -> [(&'static str, String); 14] {
    // The numbers of MLflow's RunStatus.
    let status = match store.outcome(record) {
        Outcome::Running => 1,
        Outcome::Ok => 3,
        Outcome::Failed(_) => 4,
        Outcome::Interrupted | Outcome::Killed => 5,
    };
    let end = record.seconds.map(|seconds| record.started * 1000 + (seconds * 1000.0) as u64);
    let name = record.label.name.clone().unwrap_or_else(|| record.run.to_string());
    [
        ("artifact_uri", quoted(&format!("file://{}", own.join("artifacts").display()))),
        ("end_time", end.map_or_else(|| "null".to_owned(), |end| end.to_string())),
        ("entry_point_name", quoted("")),
        ("experiment_id", quoted(experiment)),
        ("lifecycle_stage", "active".to_owned()),
        ("run_id", quoted(run)),
        ("run_name", quoted(&name)),
        ("run_uuid", quoted(run)),
        ("source_name", quoted("pipe")),
        ("source_type", "4".to_owned()),
        ("source_version", quoted(record.commit.as_deref().unwrap_or_default())),
        ("start_time", (record.started * 1000).to_string()),
        ("status", status.to_string()),
        ("user_id", quoted("")),
    ]
}

fn tags(record: &RunRecord, own: &Path) -> Result<()> {
    let name = record.label.name.clone().unwrap_or_else(|| record.run.to_string());
    let tags = [
        ("mlflow.runName", Some(name)),
        ("mlflow.note.content", record.label.note.clone()),
        ("mlflow.source.git.commit", record.commit.clone()),
        ("pipe.run", Some(record.run.to_string())),
        ("pipe.command", Some(format!("pipe {}", record.arguments.join(" ")))),
        ("pipe.version", Some(record.version.clone())),
        ("pipe.host", Some(record.host.clone())),
    ];
    let known = tags.into_iter().filter_map(|(name, text)| Some((name, text?)));
    known.into_iter().try_for_each(|(name, text)| put(&own.join("tags").join(name), &text))
}

/// The parameters of the stages, the metrics of the models and the curves of trainings, as far as the results are still there.
fn results(store: &Store, record: &RunRecord, own: &Path, moment: u64) -> Result<()> {
    for stage in record.stages.iter().filter(|stage| stage.status.has_result()) {
        let Some(action) = stage.key.and_then(|key| store.action(key)) else { continue };
        for (name, value) in &action.manifest.parameters {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let text: String = text.chars().take(LONGEST).collect();
            put(&own.join("params").join(plain(&format!("{}.{name}", stage.stage))), &text)?;
        }
    }
    for Series { name, points } in series::of_run(store, record)? {
        let lines: String = points.iter().map(|(step, value)| format!("{moment} {value} {step}\n")).collect();
        put(&own.join("metrics").join(plain(&name)), &lines)?;
    }
    Ok(())
}

/// A name of the letters that MLflow takes: letters, digits, `_`, `.`, `-` and spaces.
fn plain(name: &str) -> String {
    let name = name.replace('@', "_at_");
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "_.- ".contains(letter) { letter } else { '_' })
        .collect()
}

/// Experiments have numbers: one that follows from the name, so that a second export finds the first one's.
fn experiment_id(pipeline: &str) -> String {
    let digest = blake3::hash(pipeline.as_bytes());
    let bytes = digest.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
    (u64::from_le_bytes(bytes) % 1_000_000_000_000_000_000).max(1).to_string()
}

fn run_id(run: &str) -> String {
    blake3::hash(run.as_bytes()).to_hex().chars().take(32).collect()
}

fn yaml(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// A string of YAML: one of JSON is one.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("writing", folder, error))
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::io("writing", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_letters_that_mlflow_takes() {
        assert_eq!(plain("HR@10 pipe kept item"), "HR_at_10 pipe kept item");
        assert_eq!(plain("a.b/c:d=é"), "a.b_c_d__");
    }

    #[test]
    fn a_pipeline_keeps_its_number() {
        assert_eq!(experiment_id("sample"), experiment_id("sample"));
        assert!(experiment_id("sample").parse::<u64>().is_ok() && run_id("20260101-000000-000-1").len() == 32);
    }
}
