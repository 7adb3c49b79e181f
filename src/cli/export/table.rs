//! `pipe export table`: a table of a result with the identifiers of users and items, as one file.

use crate::cli::completion;
use crate::cli::export::output::refuse_existing;
use crate::cli::identifiers::identifiers;
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::cli::target::{Target, all_current, among};
use crate::error::{Error, Result};
use crate::key::PortName;
use crate::terminal::{print_line, size};
use crate::worker;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::{PeekOutput, TableForm, WriteTable};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A table of a result, such as ranked lists, with the identifiers of users and items beside their numbers.
#[derive(Debug, Args)]
pub(crate) struct TableArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// What to write: STAGE.OUTPUT, or STAGE where it has one output.
    #[arg(value_name = "STAGE[.OUTPUT]", add = ArgValueCandidates::new(completion::stages))]
    pub(super) target: String,
    /// The file to write, which must not be there yet; `.parquet` or `.csv` says in which form.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) output: PathBuf,
}

/// Asks the worker to write the table.
pub(super) fn export(arguments: &TableArguments) -> Result<()> {
    let output = &arguments.output;
    let form = form(output)?;
    let session = Session::open(&arguments.pipeline)?;
    let target = Target::parse(&session, &arguments.target)?;
    let mut ports = target.ports.iter();
    let (Some(port), None) = (ports.next(), ports.next()) else {
        let names: Vec<&str> = target.ports.iter().map(PortName::as_str).collect();
        return Err(Error::Usage {
            message: format!("'{}' has {} outputs: which of them?", arguments.target, names.len()),
            hint: Some(format!("name one as {}.OUTPUT: {}", arguments.target, names.join(", "))),
        });
    };
    refuse_existing(output)?;
    let _lock = session.store.lock_shared()?;
    let current = all_current(&session)?;
    let actions = among(&session, &current, std::slice::from_ref(&target))?;
    let artifact = actions.iter().find_map(|action| action.outputs.get(port)).ok_or_else(|| {
        Error::NoResults(format!("the result of stage '{}' has no output '{port}'", arguments.target))
    })?;
    let outputs = &session.graph.stages[target.stage].description.outputs;
    let table = PeekOutput {
        port: port.to_string(),
        kind: outputs.iter().find(|output| output.name == port.as_str()).map(|output| output.kind.clone()),
        folder: session.store.artifact(&artifact.digest),
    };
    let names = identifiers(&session, &current, target.stage);
    let written = worker::ask(&session.worker, &WriteTable { table, names, output: output.clone(), form })?;
    let text = if arguments.pipeline.output.json {
        json!({ "file": output, "rows": written.rows, "columns": written.columns, "bytes": written.bytes }).to_string()
    } else {
        let columns = written.columns.join(", ");
        format!("{} rows of {columns} are in {} ({})", written.rows, output.display(), size(written.bytes))
    };
    print_line(&text);
    Ok(())
}

fn form(output: &Path) -> Result<TableForm> {
    match output.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => Ok(TableForm::Parquet),
        Some("csv") => Ok(TableForm::Csv),
        _ => Err(Error::Usage {
            message: format!("{} ends neither in .parquet nor in .csv", output.display()),
            hint: Some("give --output such a name: it says in which form the table is written".to_owned()),
        }),
    }
}
