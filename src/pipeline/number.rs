//! A number that a stage reports, as a pipeline file names it.

use crate::key::{PortName, StageName};

/// A number in a JSON file of an output: `STAGE.OUTPUT:POINTER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// The stage.
    pub stage: StageName,
    /// The output, which has one JSON file.
    pub output: PortName,
    /// A JSON pointer into the file, such as `/collision_rate`.
    pub pointer: String,
}
