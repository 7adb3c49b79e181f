//! A run for a program: one JSON object a line.

use crate::key::StageName;
use crate::run::{Ending, Observer};
use contract::Event;
use serde_json::{Value, json};
use std::io::Write;

/// Writes an object for each thing that happens.
#[derive(Debug)]
pub struct Json<W: Write>(pub W);

impl<W: Write> Json<W> {
    fn line(&mut self, value: &Value) {
        // One write a line; nobody may be reading any more, and the run goes on.
        drop(self.0.write_all(format!("{value}\n").as_bytes()));
    }
}

impl<W: Write> Observer for Json<W> {
    fn started(&mut self, stage: &StageName, reason: &str) {
        self.line(&json!({ "event": "start", "stage": stage, "reason": reason }));
    }

    fn said(&mut self, stage: &StageName, event: &Event) {
        match event {
            Event::Progress { done, total, message } => self.line(
                &json!({ "event": "progress", "stage": stage, "done": done, "total": total, "message": message }),
            ),
            Event::Log { message } => self.line(&json!({ "event": "log", "stage": stage, "message": message })),
            Event::Failed { .. } | Event::Done => {}
        }
    }

    fn waits(&mut self, stage: &StageName, message: &str) {
        self.line(&json!({ "event": "log", "stage": stage, "message": message }));
    }

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        self.line(&match ending {
            Ending::Hit => json!({ "event": "stage", "stage": stage, "status": "hit", "seconds": 0.0 }),
            Ending::Ran { seconds } => {
                json!({ "event": "stage", "stage": stage, "status": "ran", "seconds": seconds })
            }
            Ending::Failed { error, seconds } => json!({
                "event": "stage", "stage": stage, "status": "failed", "seconds": seconds,
                "code": error.exit_code(), "message": error.to_string(),
            }),
            Ending::Skipped => json!({ "event": "stage", "stage": stage, "status": "skipped", "seconds": 0.0 }),
        });
    }
}
