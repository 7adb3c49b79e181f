//! A stage as the runner tells of it: what it was given, what it made, and the same of every stage upstream.

use contract::{Failure, FailureKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A stage that ran.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    /// Its name in the pipeline.
    name: String,
    /// Its name in the worker.
    uses: String,
    parameters: serde_json::Map<String, serde_json::Value>,
    /// What entered, by port.
    inputs: BTreeMap<String, Vec<Input>>,
    /// The folders that it made, by port.
    outputs: BTreeMap<String, PathBuf>,
}

/// Something that entered a stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    path: PathBuf,
    /// The stage that made it; none where it is from outside.
    made_by: Option<Made>,
}

impl Made {
    /// Its parameters.
    pub(crate) fn parameters<P: DeserializeOwned>(&self) -> Result<P> {
        serde_json::from_value(serde_json::Value::Object(self.parameters.clone())).map_err(|error| {
            Failure::new(
                FailureKind::Conflict,
                format!("the parameters of '{}' are not known here: {error}", self.name),
            )
            .hint("name another stage with --stage")
        })
    }

    /// The folder of an output.
    pub(crate) fn output(&self, port: &str) -> Result<&Path> {
        self.outputs.get(port).map(PathBuf::as_path).ok_or_else(|| self.lacks("output", port))
    }

    /// The path behind an input.
    pub(crate) fn input(&self, port: &str) -> Result<&Path> {
        self.entered(port).map(|input| input.path.as_path())
    }

    /// The stage that made an input, which must be `uses`.
    pub(crate) fn maker_of(&self, port: &str, uses: &str) -> Result<&Self> {
        self.entered(port)?.made_by.as_ref().filter(|maker| maker.uses == uses).ok_or_else(|| {
            let message = format!("the input '{port}' of '{}' was not made by a stage '{uses}'", self.name);
            Failure::new(FailureKind::Conflict, message).hint("give embeddings: texts cannot be embedded as these were")
        })
    }

    fn entered(&self, port: &str) -> Result<&Input> {
        self.inputs.get(port).and_then(|inputs| inputs.first()).ok_or_else(|| self.lacks("input", port))
    }

    fn lacks(&self, what: &str, port: &str) -> Failure {
        Failure::new(FailureKind::Conflict, format!("'{}' (uses {}) has no {what} '{port}'", self.name, self.uses))
            .hint("name another stage with --stage")
    }
}
