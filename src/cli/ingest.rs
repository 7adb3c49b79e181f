//! `pipe ingest --dry-run`: what files of interactions would be read as.
//!
//! The worker recognises and reads the files; this module prints what it found.

use crate::cli::options::ingest_parameters;
use crate::cli::options::{OutputArguments, WorkerArguments};
use crate::error::{Error, Result};
use crate::terminal::table;
use crate::worker;
use clap::{Args, ValueHint};
use contract::questions::{Recognise, Recognition};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::thread::available_parallelism;

/// Show what files of interactions would be read as: their form, the first rows and the report. Stores nothing.
#[derive(Debug, Args)]
pub(crate) struct IngestArguments {
    /// The files, or folders of files: Amazon reviews, RecBole, MovieLens, CSV, TSV or Parquet; gzip, zstd or plain.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(super) files: Vec<PathBuf>,
    /// Read and report, but write nothing. `pipe run` on a pipeline with a stage of ingest writes.
    #[arg(long, required = true)]
    pub(super) dry_run: bool,
    /// Files of the items' titles and descriptions.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(super) metadata: Vec<PathBuf>,
    /// Set a parameter of ingest, as a pipeline would: PARAMETER=VALUE.
    #[arg(long = "set", value_name = "PARAMETER=VALUE")]
    pub(super) settings: Vec<String>,
    /// How many rows to show.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(super) rows: usize,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Shows what files would be read as.
pub(super) fn ingest(arguments: &IngestArguments) -> Result<()> {
    let missing: Vec<String> = arguments
        .files
        .iter()
        .chain(&arguments.metadata)
        .filter(|path| !path.exists())
        .map(|path| format!("there is nothing at {}", path.display()))
        .collect();
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    let request = Recognise {
        files: arguments.files.clone(),
        metadata: arguments.metadata.clone(),
        parameters: ingest_parameters(&arguments.settings)?,
        rows: arguments.rows,
        report: true,
        threads: available_parallelism().map_or(1, usize::from),
    };
    let recognition = worker::ask(&worker::find(arguments.worker.worker.clone())?, &request)?;
    arguments.output.print(|| json!(recognition), || text(&recognition));
    Ok(())
}

fn text(recognition: &Recognition) -> String {
    const SHOWN: usize = 60;
    let Recognition { format, files, columns, rows, lines, .. } = recognition;
    let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let mut text = format!("{}: {format}\n", files.join(", "));
    for column in columns {
        let _ = writeln!(text, "  {:<8} {}", column.role, column.column);
    }
    let shortened = |value: &Value| match value {
        Value::String(text) if text.chars().count() > SHOWN => {
            Value::String(text.chars().take(SHOWN).chain(['…']).collect())
        }
        other => other.clone(),
    };
    let shorten = |row: &Map<String, Value>| row.iter().map(|(name, value)| (name.clone(), shortened(value))).collect();
    let shown: Vec<Map<String, Value>> = rows.iter().map(shorten).collect();
    let _ = write!(text, "\nfirst {} rows\n{}\n", shown.len(), table(&shown));
    lines.iter().for_each(|line| text += &format!("{line}\n"));
    text
}
