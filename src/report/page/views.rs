//! What a page shows, as plain values.

use crate::key::{Digest, Key};
use crate::machine::Hardware;
use crate::report::compare::Comparison;
use crate::report::metrics::Row;
use crate::store::StageState;
use serde_json::Value;

/// What a page shows.
#[derive(Debug)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// When it was made, as local date and time.
    pub made: String,
    /// The version of `pipe` that made it.
    pub version: String,
    /// All subjects side by side; nothing where nothing was measured.
    pub comparison: Option<Comparison>,
    /// The pipelines and runs.
    pub parts: Vec<Part>,
}

/// A pipeline or a run.
#[derive(Debug, Default)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What there is to say of it: a name and a string each.
    pub details: Vec<(String, String)>,
    /// The picture of its graph, as SVG.
    pub graph: Option<String>,
    /// Its stages, each after what it uses.
    pub stages: Vec<StageView>,
    /// The 95 % intervals of its metrics, with the point that each is of.
    pub intervals: Vec<Row>,
    /// Its metrics by the length of the history.
    pub by_length: Vec<Row>,
    /// Its metrics by the frequency of the test item.
    pub by_item: Vec<Row>,
}

/// A stage.
#[derive(Debug)]
pub struct StageView {
    /// Its name in the pipeline.
    pub name: String,
    /// What it is, such as `ingest`.
    pub uses: String,
    /// Its state.
    pub state: StageState,
    /// Why it ran, or would.
    pub reason: String,
    /// How its result was made; nothing where there is none.
    pub result: Option<ResultView>,
    /// What it reports.
    pub reports: Vec<ReportView>,
}

/// The result of a stage.
#[derive(Debug)]
pub struct ResultView {
    /// Its key.
    pub key: Key,
    /// The digest of the stage's code.
    pub code: String,
    /// The seed, where something is random.
    pub seed: Option<u64>,
    /// The parameters.
    pub parameters: Vec<(String, Value)>,
    /// The digests of the inputs, by input.
    pub inputs: Vec<(String, Digest)>,
    /// The digests and bytes of the outputs, by output.
    pub outputs: Vec<(String, Digest, u64)>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The most memory that it had, in bytes.
    pub memory: Option<u64>,
    /// How many threads it was given.
    pub threads: usize,
    /// The device that it was given.
    pub device: String,
    /// The machine.
    pub host: String,
    /// The class of the machine's hardware.
    pub hardware: Option<Hardware>,
    /// When it began, as local date and time.
    pub started: String,
}

/// What a stage reports: numbers and pictures.
#[derive(Debug)]
pub struct ReportView {
    /// The output.
    pub output: String,
    /// Its JSON files, by name.
    pub values: Vec<(String, Value)>,
    /// Its pictures, as SVG, by name.
    pub pictures: Vec<(String, String)>,
}
