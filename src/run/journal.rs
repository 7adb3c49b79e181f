//! What is written of a run while it goes on: its record, and its events as `--json` has them.
//!
//! A run that starts nothing leaves no trace but the time on its pipeline's folder, unless its user gave it a name or a note.

use crate::error::Result;
use crate::key::{RunId, StageName};
use crate::run::{Ending, Json, Observer, Pace, Settings, pause};
use crate::store::{RunLabel, RunRecord, StageRecord, StageState, Store, new_run_id, now};
use contract::Event;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The longest pause between two events of progress that are written of a stage.
const PAUSE: Duration = Duration::from_secs(5);

/// The journal of one run.
pub(crate) struct Journal<'a> {
    store: &'a Store,
    record: RunRecord,
    /// The folder whose commit is recorded.
    project: PathBuf,
    began: Instant,
    events: Option<Json<std::fs::File>>,
    /// The stages that run.
    paces: BTreeMap<StageName, Pace>,
    /// The pause between two events of progress of a stage.
    pause: Duration,
}

impl<'a> Journal<'a> {
    /// A journal of which nothing is written yet.
    pub(crate) fn new(store: &'a Store, pipeline: &str, settings: &Settings, host: &str) -> Self {
        let record = RunRecord {
            run: new_run_id(),
            pipeline: pipeline.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            label: settings.label.clone(),
            commit: None,
            arguments: settings.arguments.clone(),
            host: host.to_owned(),
            started: now(),
            seconds: None,
            code: None,
            stages: Vec::new(),
        };
        Self {
            store,
            record,
            project: settings.project.clone(),
            began: Instant::now(),
            events: None,
            paces: BTreeMap::new(),
            pause: pause().min(PAUSE),
        }
    }

    /// The run.
    pub(crate) fn run(&self) -> &RunId {
        &self.record.run
    }

    /// Begins to write, since the run is going to last.
    pub(crate) fn begin(&mut self) -> Result<()> {
        if self.events.is_some() {
            return Ok(());
        }
        self.record.commit = commit(&self.project);
        self.store.write_run(&self.record)?;
        let path = self.store.run_folder(&self.record.run).join("events.jsonl");
        let file = std::fs::File::create(&path).map_err(|error| crate::error::Error::io("writing", &path, error))?;
        let mut events = Json(file);
        for stage in self.record.stages.iter().filter(|stage| stage.status == StageState::Cached) {
            events.ended(&stage.stage, &Ending::Cached);
        }
        self.events = Some(events);
        Ok(())
    }

    /// Adds what became of a stage.
    pub(crate) fn add(&mut self, stage: StageRecord) {
        self.record.stages.push(stage);
    }

    /// Ends the record, if anything was begun. Losing it loses no result.
    pub(crate) fn end(&mut self, code: u8) {
        if self.events.is_none() && code == 0 && self.record.label == RunLabel::default() {
            return;
        }
        self.record.seconds = Some(self.began.elapsed().as_secs_f64());
        self.record.code = Some(code);
        if let Err(error) = self.store.write_run(&self.record) {
            tracing::warn!("the record of this run could not be written: {error}");
        }
    }
}

impl Journal<'_> {
    /// Writes some of a stage's steps, for who looks at the run from another terminal.
    fn progressed(&mut self, stage: &StageName, done: u64, total: u64, message: &str) {
        let (Some(pace), Some(events)) = (self.paces.get_mut(stage), &mut self.events) else { return };
        let now = Instant::now();
        let is_first = pace.last().is_none();
        pace.take(now, done, total, message);
        if let Some(progress) = pace.last().cloned().filter(|_| pace.is_due(now, self.pause) || is_first) {
            let mut line = json!(progress);
            line["event"] = "progress".into();
            line["stage"] = json!(stage);
            events.line(&line);
        }
    }
}

/// The commit that is checked out in a folder, if git says so.
fn commit(folder: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(folder)
        .args(["rev-parse", "--verify", "--quiet", "HEAD"])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}

impl Observer for Journal<'_> {
    fn started(&mut self, stage: &StageName, reason: &str) {
        let line = json!({ "event": "start", "stage": stage, "reason": reason, "at": now() });
        self.events.iter_mut().for_each(|events| events.line(&line));
        self.paces.insert(stage.clone(), Pace::new(Instant::now()));
    }

    fn printed(&mut self, stage: &StageName, event: &Event) {
        match event {
            Event::Progress { done, total, message } => self.progressed(stage, *done, *total, message),
            // What was reported is in the stage's log.
            Event::Log { .. } => {}
            Event::Failed { .. } | Event::Done => {
                self.events.iter_mut().for_each(|events| events.printed(stage, event));
            }
        }
    }

    fn waits(&mut self, stage: &StageName, message: &str) {
        self.events.iter_mut().for_each(|events| events.waits(stage, message));
    }

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        self.paces.remove(stage);
        self.events.iter_mut().for_each(|events| events.ended(stage, ending));
    }
}
