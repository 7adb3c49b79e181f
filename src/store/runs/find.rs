//! Finding the run that a user means, and saying how it ended.

use crate::error::{Error, Result};
use crate::key::RunId;
use crate::store::{RunRecord, Store};
use std::fmt;

/// How a run ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every stage is done or cached.
    Ok,
    /// It failed, with this exit code.
    Failed(u8),
    /// The user ended it.
    Interrupted,
    /// It goes on.
    Running,
    /// It is gone and wrote no end.
    Killed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(code) => write!(f, "failed ({code})"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Running => f.write_str("running"),
            Self::Killed => f.write_str("killed"),
        }
    }
}

impl Store {
    /// How a run ended.
    pub fn outcome(&self, record: &RunRecord) -> Outcome {
        match record.code {
            Some(0) => Outcome::Ok,
            Some(130) => Outcome::Interrupted,
            Some(code) => Outcome::Failed(code),
            None if self.is_alive(&record.run) => Outcome::Running,
            // It may have ended since its record was read.
            None => match self.read_run(&record.run) {
                Some(now) if now.code.is_some() => self.outcome(&now),
                _ => Outcome::Killed,
            },
        }
    }

    /// The run that is meant by its identifier, a beginning of it that only one has, the name that its user gave it (the newest
    /// of that name), `latest`, or `latest~N`, the N-th before it.
    ///
    /// # Errors
    /// When there is no such run, or more than one; they are named.
    pub fn find_run(&self, asked: &str) -> Result<RunRecord> {
        let mut runs = self.runs();
        if let Some(back) = steps_back(asked) {
            let place = runs.len().checked_sub(back.saturating_add(1));
            return match place {
                Some(place) => Ok(runs.swap_remove(place)),
                None if runs.is_empty() => Err(Error::NoResults("the store has no runs yet".to_owned())),
                None => Err(unknown(asked, &runs)),
            };
        }
        if let Some(place) = runs.iter().position(|record| record.run.as_str() == asked) {
            return Ok(runs.swap_remove(place));
        }
        if let Some(place) = runs.iter().rposition(|record| record.label.name.as_deref() == Some(asked)) {
            return Ok(runs.swap_remove(place));
        }
        let fitting: Vec<RunRecord> =
            runs.iter().filter(|record| record.run.as_str().starts_with(asked)).cloned().collect();
        match <[RunRecord; 1]>::try_from(fitting) {
            Ok([one]) => Ok(one),
            Err(none) if none.is_empty() => Err(unknown(asked, &runs)),
            Err(several) => Err(Error::Usage {
                message: format!("'{asked}' is the beginning of {} runs", several.len()),
                hint: Some(format!("one of {}", names(&several))),
            }),
        }
    }

    /// The record of a run.
    pub fn read_run(&self, run: &RunId) -> Option<RunRecord> {
        serde_json::from_slice(&std::fs::read(self.run_folder(run).join("run.json")).ok()?).ok()
    }
}

/// N of `latest~N`, and 0 of `latest`.
fn steps_back(asked: &str) -> Option<usize> {
    match asked.strip_prefix("latest")? {
        "" => Some(0),
        rest => rest.strip_prefix('~')?.parse().ok(),
    }
}

fn unknown(asked: &str, runs: &[RunRecord]) -> Error {
    let hint =
        if runs.is_empty() { "the store has no runs yet".to_owned() } else { format!("there is {}", names(runs)) };
    Error::Usage { message: format!("there is no run '{asked}'"), hint: Some(hint) }
}

/// The newest few, by name.
fn names(runs: &[RunRecord]) -> String {
    const NAMED: usize = 5;
    let mut names: Vec<&str> = runs.iter().rev().take(NAMED).map(|record| record.run.as_str()).collect();
    if runs.len() > NAMED {
        names.push("…");
    }
    names.join(", ")
}
