//! A cached result with everything upstream of it.

use crate::failure::{Failure, FailureKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A stage with its result: what it read, what it wrote, and the same of every stage upstream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// Its name in the pipeline.
    pub name: String,
    /// Its name in the worker.
    pub uses: String,
    /// The parameters, defaults filled in.
    pub parameters: Map<String, Value>,
    /// What it read, by port.
    pub inputs: BTreeMap<String, Vec<LineageInput>>,
    /// The folders of its outputs, by port.
    pub outputs: BTreeMap<String, PathBuf>,
}

/// An input of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineageInput {
    /// The file or folder.
    pub path: PathBuf,
    /// The stage that produced it; none for an external input.
    pub producer: Option<Lineage>,
}

impl Lineage {
    /// Its parameters.
    ///
    /// # Errors
    /// When they are not of that type.
    pub fn parameters<P: DeserializeOwned>(&self) -> Result<P> {
        serde_json::from_value(Value::Object(self.parameters.clone())).map_err(|error| {
            let message = format!("the parameters of '{}' (uses {}) are not understood: {error}", self.name, self.uses);
            Failure::new(FailureKind::Conflict, message).hint("name another stage with --stage")
        })
    }

    /// The folder of an output.
    ///
    /// # Errors
    /// When there is no such output.
    pub fn output(&self, port: &str) -> Result<&Path> {
        self.outputs.get(port).map(PathBuf::as_path).ok_or_else(|| self.lacks("output", port))
    }

    /// The first path bound to an input.
    ///
    /// # Errors
    /// When nothing is bound to it.
    pub fn input(&self, port: &str) -> Result<&Path> {
        self.first(port).map(|input| input.path.as_path())
    }

    /// The stage that produced an input; none for an external input.
    ///
    /// # Errors
    /// When nothing is bound to it.
    pub fn producer(&self, port: &str) -> Result<Option<&Self>> {
        self.first(port).map(|input| input.producer.as_ref())
    }

    fn first(&self, port: &str) -> Result<&LineageInput> {
        self.inputs.get(port).and_then(|inputs| inputs.first()).ok_or_else(|| self.lacks("input", port))
    }

    fn lacks(&self, noun: &str, port: &str) -> Failure {
        Failure::new(FailureKind::Conflict, format!("'{}' (uses {}) has no {noun} '{port}'", self.name, self.uses))
            .hint("name another stage with --stage")
    }
}
