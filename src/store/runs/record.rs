//! The records of runs: the command line, and the state of each stage at the end.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::fs::lock::FileLock;
use crate::key::{Key, Manifest};
use crate::key::{RunId, StageName};
use crate::store::{StageProgress, StageState, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A run, written when its first stage begins and again when it ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// The pipeline.
    pub pipeline: String,
    /// The version of `pipe`.
    #[serde(default)]
    pub version: String,
    /// What its user calls it and says of it.
    #[serde(flatten)]
    pub label: RunLabel,
    /// The commit that was checked out where the pipeline file is, if it is in a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The arguments of the command line.
    pub arguments: Vec<String>,
    /// The machine.
    #[serde(default)]
    pub host: String,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// How long it took, in seconds; nothing while it goes on, or when it was killed.
    pub seconds: Option<f64>,
    /// The exit code, once it has ended.
    #[serde(default)]
    pub code: Option<u8>,
    /// Its stages, in the order in which they ended.
    pub stages: Vec<StageRecord>,
}

/// What the user of a run calls it, so that experiments are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLabel {
    /// A name; several runs may have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of a stage in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The stage.
    pub stage: StageName,
    /// Its state at the end.
    pub status: StageState,
    /// Its key, if it came so far.
    pub key: Option<Key>,
    /// Why it ran, or how it failed.
    pub reason: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What its key was made of, for a stage that ran or failed; for the others the record of the key tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// How far it is, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<StageProgress>,
}

impl RunRecord {
    /// How many of its stages are in that state.
    pub fn count(&self, status: StageState) -> usize {
        self.stages.iter().filter(|stage| stage.status == status).count()
    }
}

impl Store {
    /// Writes a run's record into its folder.
    pub fn write_run(&self, record: &RunRecord) -> Result<()> {
        let folder = self.run_folder(&record.run);
        durable::make_folder(&self.disk, &folder)?;
        let path = folder.join("run.json");
        let bytes = serde_json::to_vec(record).map_err(|error| Error::io("writing", &path, error.into()))?;
        durable::replace(&self.disk, &path, &bytes)
    }

    /// The records of all runs, oldest first. A record that cannot be read is left out.
    pub fn runs(&self) -> Vec<RunRecord> {
        let folders = self.disk.list(&self.root.join("runs")).unwrap_or_default();
        let read = |folder: &PathBuf| {
            let mut record: RunRecord = serde_json::from_slice(&self.disk.read(&folder.join("run.json")).ok()?).ok()?;
            if record.code.is_none() {
                record.stages = self.stages_so_far(folder, self.is_alive(&record.run));
            }
            Some(record)
        };
        folders.iter().filter_map(read).collect()
    }

    /// What has become of the stages of a run that goes on or was killed, as its events tell: those that have ended, then those
    /// that run.
    fn stages_so_far(&self, folder: &Path, is_alive: bool) -> Vec<StageRecord> {
        let events = self.disk.read(&folder.join("events.jsonl")).unwrap_or_default();
        let (mut ended, mut running): (Vec<StageRecord>, Vec<StageRecord>) = (Vec::new(), Vec::new());
        for event in
            String::from_utf8_lossy(&events).lines().filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            let Ok(stage) = serde_json::from_value::<StageName>(event["stage"].clone()) else { continue };
            match event["event"].as_str() {
                Some("start") => running.push(started(stage, &event, is_alive)),
                Some("progress") => {
                    if let Some(record) = running.iter_mut().find(|record| record.stage == stage) {
                        record.progress = serde_json::from_value(event).ok().filter(|_| is_alive);
                    }
                }
                Some("stage") => {
                    running.retain(|record| record.stage != stage);
                    ended.extend(end_of(stage, &event));
                }
                _ => {}
            }
        }
        ended.extend(running);
        ended
    }

    /// Whether a run is going on.
    pub fn is_alive(&self, run: &RunId) -> bool {
        let lock = self.root.join("tmp").join(run.as_str()).with_extension("lock");
        // Somebody holds it.
        lock.exists() && matches!(FileLock::try_take(&self.disk, &lock), Ok(None))
    }
}

/// A stage that has started and not ended.
fn started(stage: StageName, event: &Value, is_alive: bool) -> StageRecord {
    let (status, reason) = if is_alive {
        (StageState::Run, event["reason"].as_str().map(str::to_owned))
    } else {
        (StageState::Failed, Some("its run was killed".to_owned()))
    };
    let seconds = event["at"].as_u64().filter(|_| is_alive).map_or(0.0, |at| now().saturating_sub(at) as f64);
    StageRecord { stage, status, key: None, reason, seconds, manifest: None, progress: None }
}

/// A stage that has ended.
fn end_of(stage: StageName, event: &Value) -> Option<StageRecord> {
    Some(StageRecord {
        stage,
        status: serde_json::from_value(event["status"].clone()).ok()?,
        key: None,
        reason: event["message"].as_str().map(str::to_owned),
        seconds: event["seconds"].as_f64().unwrap_or(0.0),
        manifest: None,
        progress: None,
    })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A name for a run that begins now: its time, so that names sort by age, and the process.
pub fn new_run_id() -> RunId {
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f").to_string();
    RunId::new(format!("{time}-{}", std::process::id()))
}
