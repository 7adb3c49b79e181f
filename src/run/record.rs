//! The record of a run: what was asked for and what became of each stage.

use crate::error::{Error, Result};
use crate::names::{RunId, StageName};
use crate::plan::Key;
use crate::store::Store;
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is written of a run when it ends.
#[derive(Debug, Serialize)]
pub(crate) struct RunRecord {
    /// The run.
    pub(crate) run: RunId,
    /// The pipeline.
    pub(crate) pipeline: String,
    /// The arguments of the command line.
    pub(crate) arguments: Vec<String>,
    /// When it began, in seconds since 1970.
    pub(crate) started: u64,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Its stages, in the order in which they ended.
    pub(crate) stages: Vec<StageRecord>,
}

/// What became of a stage in a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StageRecord {
    /// The stage.
    pub(crate) stage: StageName,
    /// `ran`, `hit`, `failed` or `skipped`.
    pub(crate) status: &'static str,
    /// Its key, if it came so far.
    pub(crate) key: Option<Key>,
    /// Why it ran.
    pub(crate) reason: Option<String>,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
}

/// Writes the record into the run's folder.
pub(crate) fn write(store: &Store, record: &RunRecord) -> Result<()> {
    let path = store.run_folder(&record.run).join("run.json");
    let bytes = serde_json::to_vec_pretty(record).map_err(|error| Error::io("writing", &path, error.into()))?;
    fs_err::write(&path, bytes).map_err(|error| Error::io("writing", &path, error))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A name for a run that begins now: its time, so that names sort by age, and the process.
pub(crate) fn new_run_id() -> RunId {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RunId::new(format!("{:011}-{:03}-{}", since.as_secs(), since.subsec_millis(), std::process::id()))
}
