//! What a run reports to whoever watches it.

use crate::error::Error;
use crate::key::StageName;
use crate::store::StageState;
use contract::Event;

/// How a stage ended.
#[derive(Debug)]
pub enum Ending<'a> {
    /// The store had its result.
    Cached,
    /// It ran.
    Done {
        /// How long, in seconds.
        seconds: f64,
    },
    /// It failed.
    Failed {
        /// How.
        error: &'a Error,
        /// After how long, in seconds.
        seconds: f64,
    },
    /// It did not run because of another's failure.
    Skipped,
}

impl Ending<'_> {
    /// The state in which it leaves the stage.
    pub fn state(&self) -> StageState {
        match self {
            Self::Cached => StageState::Cached,
            Self::Done { .. } => StageState::Done,
            Self::Failed { .. } => StageState::Failed,
            Self::Skipped => StageState::Skipped,
        }
    }
}

/// Whoever watches a run.
pub trait Observer {
    /// A stage begins.
    fn started(&mut self, stage: &StageName, reason: &str);
    /// A stage printed an event.
    fn printed(&mut self, stage: &StageName, event: &Event);
    /// Something about a stage is worth knowing.
    fn waits(&mut self, stage: &StageName, message: &str);
    /// Some time has passed.
    fn tick(&mut self) {}
    /// A stage ended.
    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>);
}
