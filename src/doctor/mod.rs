//! What a machine has of all that `pipe` needs, each thing with its state and the way out.

mod disk;
mod finding;
mod machine;
mod model;
mod program;
mod store;

pub use finding::{Finding, Level};

use crate::error::{Error, Result};
use crate::pipeline;
use crate::worker;
use finding::Examined;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Report {
    /// One thing after another.
    pub findings: Vec<Finding>,
    /// The first problem that prevents runs.
    pub failure: Option<Error>,
}

/// Looks at the program, the worker and its libraries, the store and the machine. Without an answer to where the store is,
/// it is `artifacts` in the project's folder.
pub fn examine(store: Option<PathBuf>, worker: Option<PathBuf>) -> Report {
    let mut report = Report::default();
    report.add(Ok(program::this()));
    match worker::find(worker) {
        Ok(path) => {
            let worker = program::worker(&path);
            // A worker that does not answer is reported once.
            let libraries = if worker.is_ok() { program::libraries(&path) } else { Vec::new() };
            report.add(worker);
            libraries.into_iter().for_each(|finding| report.add(Ok(finding)));
        }
        Err(error) => report.add(Err(("worker", error))),
    }
    match store.map_or_else(|| pipeline::project().map(|folder| folder.join("artifacts")), Ok) {
        Ok(folder) => {
            for finding in store::examine(folder) {
                report.add(finding);
            }
        }
        Err(error) => report.add(Err(("store", error))),
    }
    report.add(Ok(model::examine()));
    for finding in machine::examine() {
        report.add(Ok(finding));
    }
    report
}

impl Report {
    fn add(&mut self, examined: Examined) {
        let finding = examined.unwrap_or_else(|(topic, error)| {
            let finding = Finding {
                topic,
                level: Level::Problem,
                found: error.to_string(),
                hint: error.hint(),
                details: Map::new(),
            };
            self.failure.get_or_insert(error);
            finding
        });
        self.findings.push(finding);
    }

    /// A line for each finding, and one for what to do where there is something to do.
    pub fn text(&self) -> String {
        self.findings.iter().map(Finding::text).collect()
    }

    /// All of it for programs, with the exit code.
    pub fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "topic": finding.topic, "level": finding.level.name(), "found": finding.found, "hint": finding.hint,
                "details": finding.details,
            })
        };
        json!({
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "code": self.failure.as_ref().map_or(0, Error::exit_code),
        })
    }

    /// The problem that prevents runs, if there is one.
    pub fn conclude(self) -> Result<()> {
        self.failure.map_or(Ok(()), Err)
    }
}
