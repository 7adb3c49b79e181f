//! From the store to the values that a page shows.

use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::plan::{Graph, Outlook, Planned};
use crate::report::graph::Drawing;
use crate::report::metrics::{self, Row};
use crate::report::page::views::{Part, ReportView, ResultView, StageView};
use crate::store::{Action, Artifact, RunRecord, Store};
use crate::terminal::{ago, duration, local, size};
use serde_json::Value;
use std::path::Path;

/// The file of a stage's report.
const REPORT: &str = "report.json";

/// Larger files are left out.
const LARGEST: u64 = 1 << 20;

/// The tables beside the metrics that a part shows.
const TABLES: [&str; 3] = ["intervals", "by_length", "by_item"];

impl Part {
    /// A pipeline as it is planned, with the results that are cached or, for the others, the newest there are.
    ///
    /// # Errors
    /// When a result cannot be read, or the graph cannot be drawn.
    pub fn of_pipeline(graph: &Graph, plan: &[Planned], store: &Store, machine: &Machine, file: &Path) -> Result<Self> {
        let here = std::env::current_dir().unwrap_or_default();
        let mut part = Self { name: graph.pipeline.clone(), ..Self::default() };
        let details = [
            ("pipeline", file.display().to_string()),
            ("store", store.root().display().to_string()),
            ("points", graph.points.len().to_string()),
            ("stages", plan.len().to_string()),
            ("machine", machine_text(machine)),
        ];
        part.details = details.map(|(name, text)| (name.to_owned(), text)).to_vec();
        part.graph = Some(Drawing::of(graph, plan, &here).svg()?);
        for planned in plan {
            let node = &graph.stages[planned.stage];
            let action = match &planned.outlook {
                Outlook::Cached(action) => Some(Action::clone(action)),
                _ => store.newest(&graph.pipeline, &node.name),
            };
            let (state, reason) = (planned.outlook.state(), planned.outlook.reason());
            let view = StageView {
                name: node.name.to_string(),
                uses: node.description.name.clone(),
                state,
                reason,
                reports: reports(store, action.as_ref())?,
                result: action.as_ref().map(ResultView::of),
            };
            part.add_tables(store, node.name.point(), action.as_ref())?;
            part.stages.push(view);
        }
        Ok(part)
    }

    /// A run, shown by this name, as far as its results are still there.
    ///
    /// # Errors
    /// When a result cannot be read, or the graph cannot be drawn.
    pub fn of_run(store: &Store, record: &RunRecord) -> Result<Self> {
        let name = record.label.name.clone().unwrap_or_else(|| record.run.to_string());
        let mut part = Self { name, ..Self::default() };
        let details = [
            ("run", Some(record.run.to_string())),
            ("pipeline", Some(record.pipeline.clone())),
            ("note", record.label.note.clone()),
            ("command", Some(format!("pipe {}", record.arguments.join(" ")))),
            ("commit", record.commit.clone()),
            ("version", Some(record.version.clone())),
            ("when", Some(format!("{}, {}", local(record.started), ago(record.started)))),
            ("took", record.seconds.map(duration)),
            ("outcome", Some(store.outcome(record).to_string())),
            ("machine", Some(record.host.clone())),
        ];
        let known = details.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)));
        part.details = known.filter(|(_, text)| !text.is_empty()).collect();
        part.graph = Some(Drawing::of_run(store, record).svg()?);
        for stage in &record.stages {
            let action = stage.key.filter(|_| stage.status.has_result()).and_then(|key| store.action(key));
            let manifest = action.as_ref().map(|action| &action.manifest).or(stage.manifest.as_ref());
            part.add_tables(store, stage.stage.point(), action.as_ref())?;
            part.stages.push(StageView {
                name: stage.stage.to_string(),
                uses: manifest.map(|manifest| manifest.stage.clone()).unwrap_or_default(),
                state: stage.status,
                reason: stage.reason.clone().unwrap_or_default(),
                reports: reports(store, action.as_ref())?,
                result: action.as_ref().map(ResultView::of),
            });
        }
        Ok(part)
    }

    /// Adds the intervals and the metrics by groups that a result has.
    fn add_tables(&mut self, store: &Store, point: &str, action: Option<&Action>) -> Result<()> {
        let artifacts = || action.iter().flat_map(|action| action.outputs.values());
        for (table, rows) in TABLES.into_iter().zip([&mut self.intervals, &mut self.by_length, &mut self.by_item]) {
            let has = |artifact: &Artifact, name: &str| {
                artifact.files.iter().any(|file| file.path.as_str().strip_suffix(".json") == Some(name))
            };
            let measured = artifacts().filter(|artifact| has(artifact, table) && has(artifact, metrics::MAIN));
            for artifact in measured {
                let named = |row: Row| std::iter::once(("point".to_owned(), point.into())).chain(row).collect::<Row>();
                rows.extend(metrics::rows(&store.artifact(&artifact.digest), table)?.into_iter().map(named));
            }
        }
        Ok(())
    }
}

impl ResultView {
    fn of(action: &Action) -> Self {
        let Action { key, manifest, outputs, provenance, .. } = action;
        let files = manifest.files.iter().map(|(label, digest)| (format!("files.{label}"), *digest));
        Self {
            key: *key,
            code: manifest.code.clone(),
            seed: manifest.seed,
            parameters: manifest.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            inputs: manifest.inputs.iter().map(|(input, digest)| (input.to_string(), *digest)).chain(files).collect(),
            outputs: outputs
                .iter()
                .map(|(port, artifact)| (port.to_string(), artifact.digest, artifact.bytes()))
                .collect(),
            seconds: provenance.seconds,
            memory: provenance.peak_memory,
            threads: provenance.threads,
            device: provenance.device.clone(),
            host: provenance.host.clone(),
            hardware: provenance.hardware.clone(),
            started: local(provenance.started),
        }
    }
}

/// The outputs of a stage that are reports: those with a file `report.json`, with the pictures beside it.
fn reports(store: &Store, action: Option<&Action>) -> Result<Vec<ReportView>> {
    let mut found = Vec::new();
    for (port, artifact) in action.iter().flat_map(|action| &action.outputs) {
        if artifact.files.iter().all(|file| file.path.as_str() != REPORT) {
            continue;
        }
        let folder = store.artifact(&artifact.digest);
        let mut view = ReportView { output: port.to_string(), values: Vec::new(), pictures: Vec::new() };
        for file in artifact.files.iter().filter(|file| file.size <= LARGEST) {
            let (name, path) = (file.path.as_str(), folder.join(&file.path));
            let read = || fs_err::read_to_string(&path).map_err(|error| Error::io("reading", &path, error));
            if name.ends_with(".json") {
                let value: Value =
                    serde_json::from_str(&read()?).map_err(|error| Error::io("reading", &path, error.into()))?;
                view.values.push((name.to_owned(), value));
            } else if name.ends_with(".svg") {
                view.pictures.push((name.to_owned(), read()?));
            }
        }
        found.push(view);
    }
    Ok(found)
}

fn machine_text(machine: &Machine) -> String {
    let gpus = match machine.gpus.len() {
        0 => "no GPU".to_owned(),
        count => format!("{count} GPUs"),
    };
    format!("{}, {} threads, {}, {gpus}", machine.host, machine.threads, size(machine.memory))
}
