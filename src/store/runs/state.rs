//! The states of a stage: one name for each, in plans, runs, records, output and JSON.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The state of a stage in a plan or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// Its result is in the store, so it does not run.
    #[serde(alias = "hit")]
    Cached,
    /// It runs, or would run.
    Run,
    /// Whether it runs is known once the stages before it have run.
    Waiting,
    /// It cannot run: an input, a variable or a resource is missing.
    Blocked,
    /// It ran, and its result is in the store.
    #[serde(alias = "ran")]
    Done,
    /// It ran and ended without a result.
    Failed,
    /// It did not run, because another stage failed or the run was interrupted.
    Skipped,
}

impl StageState {
    /// The states that a plan may have, in the order of a legend.
    pub const PLANNED: [Self; 4] = [Self::Cached, Self::Run, Self::Waiting, Self::Blocked];

    /// The states that only a run may have.
    pub const ENDED: [Self; 3] = [Self::Done, Self::Failed, Self::Skipped];

    /// Whether the stage has a result.
    pub fn has_result(self) -> bool {
        matches!(self, Self::Cached | Self::Done)
    }

    /// Its name, which is also its JSON spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Run => "run",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_name_and_reads_that_of_older_versions() {
        for state in StageState::PLANNED.into_iter().chain(StageState::ENDED) {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        let read = |name: &str| serde_json::from_value::<StageState>(name.into()).unwrap();
        assert_eq!((read("hit"), read("ran")), (StageState::Cached, StageState::Done));
    }
}
