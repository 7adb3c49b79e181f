//! `pipe stages`: what a pipeline can use, from what the stages say of themselves.

use crate::cli::options::{OutputArguments, WorkerArguments};
use crate::cli::reference::traits;
use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::plan::parameters_of;
use crate::report::metrics::Row;
use crate::terminal::table;
use crate::worker;
use clap::Args;
use contract::Description;
use serde_json::{Value, json};

/// List the stages, or show the inputs, outputs and parameters of one.
#[derive(Debug, Args)]
pub(crate) struct StagesArguments {
    /// The stage, by the name of `uses`; all stages when not given.
    #[arg(value_name = "STAGE")]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Prints the stages, or one of them.
pub(super) fn stages(arguments: &StagesArguments) -> Result<()> {
    let worker = worker::find(arguments.worker.worker.clone())?;
    let known = worker::describe(&worker)?;
    match &arguments.name {
        None => arguments.output.print(|| json!(known), || list(&known)),
        Some(name) => {
            let names = known.iter().map(|stage| stage.name.as_str());
            let stage = known.iter().find(|stage| stage.name == *name).ok_or_else(|| Error::Usage {
                message: format!("there is no stage '{name}'"),
                hint: Some(suggestion(name, names, "the stages are")),
            })?;
            let text = show(stage)?;
            arguments.output.print(|| json!(stage), || text);
        }
    }
    Ok(())
}

fn list(known: &[Description]) -> String {
    let rows = known.iter().map(|stage| json!({ "stage": stage.name, "about": stage.about.trim_end_matches('.') }));
    table(&rows_of(rows))
}

/// The ports, the parameters, and an entry to begin with.
fn show(stage: &Description) -> Result<String> {
    let inputs = stage.inputs.iter().map(|port| {
        json!({ "input": port.name, "kind": port.kind.0, "": traits(port), "for": port.doc.trim_end_matches('.') })
    });
    let outputs = stage
        .outputs
        .iter()
        .map(|port| json!({ "output": port.name, "kind": port.kind.0, "content": port.doc.trim_end_matches('.') }));
    let settings = parameters_of(stage)?;
    let settings = settings.iter().map(|parameter| {
        json!({
            "parameter": parameter.name, "default": parameter.default.to_string(),
            "expected": parameter.expected.to_string(), "for": parameter.about.replace('\n', " "),
        })
    });
    let parts = [rows_of(inputs), rows_of(outputs), rows_of(settings)];
    let tables = parts.iter().filter(|rows| !rows.is_empty()).map(|rows| format!("\n{}", table(rows)));
    Ok(format!("{}: {}\n{}", stage.name, stage.about, tables.collect::<String>()))
}

fn rows_of(values: impl Iterator<Item = Value>) -> Vec<Row> {
    values.filter_map(|value| value.as_object().cloned()).collect()
}
