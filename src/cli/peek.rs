//! `pipe peek`: what is in a stage's current result, as text.
//!
//! The worker reads the files; here they are laid out. Prompts are shown whole, with what carries loss marked.

use crate::cli::arguments::{PeekArguments, PipelineArguments};
use crate::cli::cache::{Target, current};
use crate::cli::opened::Opened;
use crate::error::{Error, Result};
use crate::key::PortName;
use crate::pipeline;
use crate::store::Store;
use crate::terminal::{coloured, size, table};
use crate::worker;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::PathBuf;

/// What stands around the text that carries loss.
const MARKS: (&str, &str) = ("\u{27e6}", "\u{27e7}");

/// A file of an output.
#[derive(Deserialize)]
struct File {
    output: String,
    name: String,
    content: Content,
}

/// What a file holds, as far as it was looked into.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Prompts { of: usize, samples: Vec<Sample> },
    Table { of: usize, rows: Vec<Map<String, Value>> },
    Tensors(Vec<Map<String, Value>>),
    Json(Value),
    Other { bytes: u64 },
}

#[derive(Deserialize)]
struct Sample {
    kind: String,
    group: u32,
    prompt: String,
    label: String,
}

/// Prints a part of what is in a result.
pub fn peek(arguments: &PeekArguments) -> Result<()> {
    let (opened, what) = meant(arguments)?;
    let target = Target::parse(&opened, &what)?;
    let _share = opened.store.share()?;
    let description = &opened.graph.stages[target.stage].description;
    let kind = |port: &str| description.outputs.iter().find(|output| output.name == port).map(|output| &output.kind.0);
    let outputs: Vec<Value> = folders(&opened, &target)?
        .into_iter()
        .map(|(port, folder)| json!({ "port": port, "kind": kind(port.as_str()), "folder": folder }))
        .collect();
    let request = json!({ "outputs": outputs, "rows": arguments.rows });
    let answer: Value = worker::question(&opened.worker, "peek", &request)?;
    let text = if arguments.pipeline.json {
        format!("{answer}\n")
    } else {
        let files: Vec<File> = serde_json::from_value(answer).map_err(|error| Error::Worker {
            message: format!("the worker's answer to 'peek' was not understood: {error}"),
            hint: "build pipe and pipe-worker from the same sources".to_owned(),
        })?;
        let coloured = coloured(&std::io::stdout());
        files.iter().map(|file| lay_out(file, coloured)).collect::<Vec<_>>().join("\n")
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

/// The pipeline and what to look into. A single name is a stage of the pipeline that ran last.
fn meant(arguments: &PeekArguments) -> Result<(Opened, String)> {
    let given = &arguments.pipeline;
    if let Some(what) = &arguments.what {
        return Ok((Opened::open(given)?, what.clone()));
    }
    if let Ok(opened) = Opened::open(given) {
        return Err(Error::Usage {
            message: format!("'{}' is a pipeline: which of its stages?", given.pipeline),
            hint: Some(format!("pipe peek {} with one of {}", given.pipeline, opened.graph.stage_names().join(", "))),
        });
    }
    let root = match &given.store {
        Some(root) => root.clone(),
        None => pipeline::project()?.join("artifacts"),
    };
    let latest = Store::new(root).find_run("latest")?.pipeline;
    let opened = Opened::open(&PipelineArguments { pipeline: latest, ..given.clone() })?;
    Ok((opened, given.pipeline.clone()))
}

/// The folders of what the stage made: for what the pipeline says now, or else the newest there are.
fn folders(opened: &Opened, target: &Target) -> Result<Vec<(PortName, PathBuf)>> {
    let missing = match current(opened, std::slice::from_ref(target)) {
        Ok(actions) => {
            let outputs = actions.iter().flat_map(|action| &action.outputs);
            let meant = outputs.filter(|(port, _)| target.ports.contains(*port));
            return Ok(meant.map(|(port, artifact)| (port.clone(), opened.store.artifact(&artifact.digest))).collect());
        }
        Err(error) => error,
    };
    let name = &opened.graph.stages[target.stage].name;
    let newest = |port: &PortName| {
        opened.store.newest_output(&opened.graph.pipeline, name, port).map(|folder| (port.clone(), folder))
    };
    let found: Vec<_> = target.ports.iter().filter_map(newest).collect();
    if found.is_empty() {
        return Err(missing);
    }
    tracing::warn!("{name} has no cached result; its newest result is shown, from before the pipeline changed");
    Ok(found)
}

fn lay_out(file: &File, coloured: bool) -> String {
    let title = format!("{}/{}", file.output, file.name);
    match &file.content {
        Content::Prompts { of, samples } => {
            let (open, close) = MARKS;
            let shown = samples.len();
            let head = format!("{title}: {shown} of {of} samples; the loss is on what stands in {open} {close}\n");
            samples.iter().fold(head, |text, sample| text + &sample.lay_out(coloured))
        }
        Content::Table { of, rows } => format!("{title}: {} of {of} rows\n{}", rows.len(), table(rows)),
        Content::Tensors(tensors) => format!("{title}: {} tensors\n{}", tensors.len(), table(tensors)),
        Content::Json(value) => format!("{title}\n{value:#}\n"),
        Content::Other { bytes } => format!("{title}: {}\n", size(*bytes)),
    }
}

impl Sample {
    fn lay_out(&self, coloured: bool) -> String {
        let (open, close) = MARKS;
        let Self { kind, group, prompt, label } = self;
        let label = if coloured { format!("\u{1b}[1;32m{label}\u{1b}[0m") } else { label.clone() };
        format!("\n{kind}, group {group}\n  {prompt}{open}{label}{close}\n")
    }
}
