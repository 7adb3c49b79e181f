//! `pipe list`: the pipelines that a name can mean here.

use crate::cli::metrics::print_rows;
use crate::cli::options::OutputArguments;
use crate::error::{Error, Result};
use crate::pipeline::{Discovered, discover};
use crate::report::metrics::Row;
use clap::Args;
use serde_json::json;

/// List the pipelines here and in folders `pipelines` here and above, with what each is for.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Prints the pipelines.
pub(super) fn list(arguments: &ListArguments) -> Result<()> {
    let found = discover();
    if found.is_empty() {
        let message = "there is no pipeline here, nor in a folder 'pipelines' here or above";
        return Err(Error::NoResults(message.to_owned()));
    }
    let here = std::env::current_dir().unwrap_or_default();
    let row = |found: Discovered| {
        let file = found.file.strip_prefix(&here).unwrap_or(&found.file).display().to_string();
        json!({ "pipeline": found.name, "file": file, "about": found.about }).as_object().cloned()
    };
    let rows: Vec<Row> = found.into_iter().filter_map(row).collect();
    print_rows(&rows, arguments.output.json);
    Ok(())
}
