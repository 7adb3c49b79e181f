//! The trait that every stage implements.

use crate::agreement::Agreement;
use crate::context::Context;
use crate::failure::{Failure, FailureKind, Result};
use crate::port::{InputPort, OutputPort};
use crate::protocol::Spec;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// How many threads a stage makes use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One.
    One,
    /// As many as the machine has.
    All,
}

/// A stage: a function from input artifacts, parameters and a seed to output artifacts.
///
/// Given equal inputs, parameters and seed, on the same class of machine, it writes equal bytes.
pub trait Stage {
    /// The name used in `uses = "..."`.
    const NAME: &'static str;
    /// What the stage does, in one sentence.
    const ABOUT: &'static str;
    /// A digest of the code that decides the result.
    const VERSION: &'static str;
    /// Whether anything in it is random. The seed is part of the key only when it is.
    const SEEDED: bool;
    /// How many threads it makes use of.
    const THREADS: Threads;
    /// Whether it leaves checkpoints, so that a stopped attempt goes on where it was.
    const CHECKPOINTS: bool = false;
    /// Whether several processes can run it together, each a part of the work ([`Context::rank`]).
    const RANKS: bool = false;
    /// Its parameters: `#[serde(deny_unknown_fields, default)]`, each field documented.
    type Parameters: DeserializeOwned + JsonSchema;

    /// The ports where artifacts enter.
    fn inputs() -> Vec<InputPort>;
    /// The ports where artifacts leave.
    fn outputs() -> Vec<OutputPort>;
    /// What has to hold between its parameters and those of the stages before it; checked when a pipeline is planned.
    fn agreements() -> Vec<Agreement> {
        Vec::new()
    }
    /// Does the work: reads `context.input(..)`, writes into `context.output(..)`.
    ///
    /// # Errors
    /// When an input is not usable, parameters contradict each other, or the work fails.
    fn run(parameters: Self::Parameters, context: &Context) -> Result<()>;
}

/// A stage with its type forgotten, so that stages can be in one list.
#[derive(Clone, Copy, Debug)]
pub struct Erased {
    /// The stage's name.
    pub name: &'static str,
    /// What `pipe-worker describe` prints of it.
    pub describe: fn() -> crate::Description,
    /// Runs it by a spec.
    pub run: fn(Spec) -> Result<()>,
}

impl Erased {
    /// The stage `S` without its type.
    #[must_use]
    pub fn of<S: Stage>() -> Self {
        Self { name: S::NAME, describe: crate::describe::<S>, run: run::<S> }
    }
}

fn run<S: Stage>(spec: Spec) -> Result<()> {
    let parameters = serde_json::from_value(serde_json::Value::Object(spec.parameters.clone()))
        .map_err(|error| Failure::new(FailureKind::Conflict, format!("parameters of {}: {error}", S::NAME)))?;
    S::run(parameters, &Context::new(spec))
}
