//! What a stage says of itself: enough for the runner to plan without starting a worker.

use crate::agreement::Agreement;
use crate::port::{InputPort, OutputPort};
use crate::stage::{Stage, Threads};
use serde::{Deserialize, Serialize};

/// A stage's ports, parameters and version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The stage's name.
    pub name: String,
    /// What it does, in one sentence.
    pub about: String,
    /// A digest of its code.
    pub version: String,
    /// Whether the seed is part of its key.
    pub seeded: bool,
    /// Whether it uses all of the machine's threads, or one.
    pub all_threads: bool,
    /// Whether it leaves checkpoints for a later attempt.
    pub checkpoints: bool,
    /// Whether several processes can run it together.
    #[serde(default)]
    pub ranks: bool,
    /// Where artifacts enter.
    pub inputs: Vec<InputPort>,
    /// Where artifacts leave.
    pub outputs: Vec<OutputPort>,
    /// The parameters' JSON schema, with defaults and documentation.
    pub parameters: serde_json::Value,
    /// How its parameters go with those of the stages before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
}

/// The description of `S`.
#[must_use]
pub fn describe<S: Stage>() -> Description {
    Description {
        name: S::NAME.to_owned(),
        about: S::ABOUT.to_owned(),
        version: S::VERSION.to_owned(),
        seeded: S::SEEDED,
        all_threads: S::THREADS == Threads::All,
        checkpoints: S::CHECKPOINTS,
        ranks: S::RANKS,
        inputs: S::inputs(),
        outputs: S::outputs(),
        parameters: schemars::schema_for!(S::Parameters).to_value(),
        agreements: S::agreements(),
    }
}
