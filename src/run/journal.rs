//! What is written of a run while it goes on: its record, and its events as `--json` has them.
//!
//! A run that starts nothing leaves no trace but the time on its pipeline's folder.

use crate::error::Result;
use crate::key::{RunId, StageName};
use crate::run::{Ending, Json, Observer};
use crate::store::{RunRecord, StageRecord, StageState, Store, new_run_id, now};
use contract::Event;
use std::time::Instant;

/// The journal of one run.
pub(crate) struct Journal<'a> {
    store: &'a Store,
    record: RunRecord,
    began: Instant,
    events: Option<Json<std::fs::File>>,
}

impl<'a> Journal<'a> {
    /// A journal of which nothing is written yet.
    pub(crate) fn new(store: &'a Store, pipeline: &str, arguments: &[String], host: &str) -> Self {
        let record = RunRecord {
            run: new_run_id(),
            pipeline: pipeline.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arguments: arguments.to_vec(),
            host: host.to_owned(),
            started: now(),
            seconds: None,
            code: None,
            stages: Vec::new(),
        };
        Self { store, record, began: Instant::now(), events: None }
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
        if self.events.is_none() && code == 0 {
            return;
        }
        self.record.seconds = Some(self.began.elapsed().as_secs_f64());
        self.record.code = Some(code);
        if let Err(error) = self.store.write_run(&self.record) {
            tracing::warn!("the record of this run could not be written: {error}");
        }
    }
}

impl Observer for Journal<'_> {
    fn started(&mut self, stage: &StageName, reason: &str) {
        self.events.iter_mut().for_each(|events| events.started(stage, reason));
    }

    fn printed(&mut self, stage: &StageName, event: &Event) {
        // Steps of progress are for who watches; what was said is in the stage's log.
        if !matches!(event, Event::Progress { .. } | Event::Log { .. }) {
            self.events.iter_mut().for_each(|events| events.printed(stage, event));
        }
    }

    fn waits(&mut self, stage: &StageName, message: &str) {
        self.events.iter_mut().for_each(|events| events.waits(stage, message));
    }

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        self.events.iter_mut().for_each(|events| events.ended(stage, ending));
    }
}
