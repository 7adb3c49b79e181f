//! A run for a program: one JSON object a line.

use crate::key::StageName;
use crate::run::observer::{Ending, Observer};
use contract::Event;
use serde_json::{Value, json};
use std::io::Write;

/// Writes an object for each thing that happens.
#[derive(Debug)]
pub struct Json<W: Write>(pub W);

impl<W: Write> Json<W> {
    pub(super) fn line(&mut self, value: &Value) {
        // One write a line; nobody may be reading any more, and the run goes on.
        drop(self.0.write_all(format!("{value}\n").as_bytes()));
    }
}

impl<W: Write> Observer for Json<W> {
    fn started(&mut self, stage: &StageName, reason: &str) {
        self.line(&json!({ "event": "start", "stage": stage, "reason": reason }));
    }

    fn printed(&mut self, stage: &StageName, event: &Event) {
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
        let mut line = json!({ "event": "stage", "stage": stage, "status": ending.state(), "seconds": 0.0 });
        match ending {
            Ending::Done { seconds } => line["seconds"] = json!(seconds),
            Ending::Failed { error, seconds } => {
                line["seconds"] = json!(seconds);
                line["code"] = error.exit_code().into();
                line["message"] = error.to_string().into();
            }
            Ending::Cached | Ending::Skipped => {}
        }
        self.line(&line);
    }
}
