//! `pipe peek`: what is in a stage's current result, as text.
//!
//! The worker reads the files; this module formats them. Prompts are shown whole, with the target tokens marked.

use crate::cli::completion;
use crate::cli::identifiers::{Current, identifiers};
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::cli::target::{Target, all_current, among};
use crate::error::{Error, Result};
use crate::key::PortName;
use crate::store::Store;
use crate::terminal::{print, size, styled, table};
use crate::worker;
use anstyle::AnsiColor;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use contract::questions::{Content, Peek, PeekOutput, PeekedFile, Sample, TensorSummary};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Print a part of what is in a stage's result: samples as text, rows of tables, reports.
#[derive(Debug, Args)]
pub(crate) struct PeekArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// What to look into: STAGE, or STAGE.OUTPUT.
    #[arg(value_name = "STAGE[.OUTPUT]", add = ArgValueCandidates::new(completion::stages))]
    pub(super) target: Option<String>,
    /// How many rows of each table; of prompts, how many spread over all of them.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
    pub(super) rows: usize,
}

/// What stands around the text that carries loss.
const MARKS: (&str, &str) = ("\u{27e6}", "\u{27e7}");

/// Prints a part of what is in a result.
pub(super) fn peek(arguments: &PeekArguments) -> Result<()> {
    let (session, text) = meant(arguments)?;
    let target = Target::parse(&session, &text)?;
    let _lock = session.store.lock_shared()?;
    let description = &session.graph.stages[target.stage].description;
    let kind = |port: &str| description.outputs.iter().find(|output| output.name == port).map(|o| o.kind.clone());
    let current = all_current(&session)?;
    let outputs = folders(&session, &current, &target)?
        .into_iter()
        .map(|(port, folder)| PeekOutput { kind: kind(port.as_str()), port: port.to_string(), folder })
        .collect();
    let names = identifiers(&session, &current, target.stage);
    let files = worker::ask(&session.worker, &Peek { outputs, rows: arguments.rows, names })?;
    let text = if arguments.pipeline.output.json {
        format!("{}\n", json!(files))
    } else {
        files.iter().map(file_text).collect::<Vec<_>>().join("\n")
    };
    print(&text);
    Ok(())
}

/// The pipeline and what to look into. A single name is a stage of the pipeline that ran last.
fn meant(arguments: &PeekArguments) -> Result<(Session, String)> {
    let given = &arguments.pipeline;
    if let Some(target) = &arguments.target {
        return Ok((Session::open(given)?, target.clone()));
    }
    if let Ok(session) = Session::open(given) {
        return Err(Error::Usage {
            message: format!("'{}' is a pipeline: which of its stages?", given.pipeline),
            hint: Some(format!("pipe peek {} with one of {}", given.pipeline, session.graph.stage_names().join(", "))),
        });
    }
    let latest = Store::new(given.store.folder()?).find_run("latest")?.pipeline;
    let session = Session::open(&PipelineArguments { pipeline: latest, ..given.clone() })?;
    Ok((session, given.pipeline.clone()))
}

/// The folders of what the stage made: for what the pipeline says now, or else the newest there are.
fn folders(session: &Session, current: &Current, target: &Target) -> Result<Vec<(PortName, PathBuf)>> {
    let missing = match among(session, current, std::slice::from_ref(target)) {
        Ok(actions) => {
            let outputs = actions.iter().flat_map(|action| &action.outputs);
            let meant = outputs.filter(|(port, _)| target.ports.contains(*port));
            return Ok(meant
                .map(|(port, artifact)| (port.clone(), session.store.artifact(&artifact.digest)))
                .collect());
        }
        Err(error) => error,
    };
    let name = &session.graph.stages[target.stage].name;
    let newest = |port: &PortName| {
        session.store.newest_output(&session.graph.pipeline, name, port).map(|folder| (port.clone(), folder))
    };
    let found: Vec<_> = target.ports.iter().filter_map(newest).collect();
    if found.is_empty() {
        return Err(missing);
    }
    tracing::warn!("{name} has no cached result; its newest result is shown, from before the pipeline changed");
    Ok(found)
}

fn file_text(file: &PeekedFile) -> String {
    let title = format!("{}/{}", file.output, file.name);
    match &file.content {
        Content::Prompts { of, samples } => {
            let (open, close) = MARKS;
            let shown = samples.len();
            let head = format!("{title}: {shown} of {of} samples; the loss is on the tokens in {open} {close}\n");
            samples.iter().fold(head, |text, sample| text + &sample_text(sample))
        }
        Content::Table { of, rows } => format!("{title}: {} of {of} rows\n{}", rows.len(), table(rows)),
        Content::Tensors(tensors) => {
            let rows: Vec<_> = tensors.iter().map(tensor_row).collect();
            format!("{title}: {} tensors\n{}", rows.len(), table(&rows))
        }
        Content::Json(value) => format!("{title}\n{value:#}\n"),
        Content::Other { bytes } => format!("{title}: {}\n", size(*bytes)),
    }
}

fn sample_text(sample: &Sample) -> String {
    let (open, close) = MARKS;
    let Sample { kind, group, prompt, label } = sample;
    let label = styled(label, AnsiColor::Green.on_default().bold());
    format!("\n{kind}, group {group}\n  {prompt}{open}{label}{close}\n")
}

fn tensor_row(summary: &TensorSummary) -> Map<String, Value> {
    let TensorSummary { tensor, kind, shape, first } = summary;
    let cells = [("tensor", tensor), ("kind", kind), ("shape", shape), ("first", first)];
    cells.into_iter().map(|(name, text)| (name.to_owned(), text.clone().into())).collect()
}
