//! `pipe cache export`: plain copies of current results.

use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::cli::target::{Target, exported};
use crate::error::Result;
use crate::terminal::{Steps, print_line, size};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Copy current results to a folder, with where they come from.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// Which stages or outputs; all when none is named.
    #[arg(value_name = "STAGE[.OUTPUT]")]
    pub(super) stages: Vec<String>,
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    pub(super) to: PathBuf,
}

/// Copies the current results of the stages that are meant.
pub(super) fn export(arguments: &ExportArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let targets = Target::of(&session, &arguments.stages)?;
    let _lock = session.store.lock_shared()?;
    let results = exported(&session, targets)?;
    let (files, bytes) =
        session.store.clone().watched(Arc::new(Steps::new("export"))).export(&results, &arguments.to)?;
    let text = if arguments.pipeline.output.json {
        let stages: Vec<_> = results.iter().map(|result| &result.stage).collect();
        json!({ "folder": arguments.to, "stages": stages, "files": files, "bytes": bytes }).to_string()
    } else {
        format!("{files} files, {}, of {} stages in {}", size(bytes), results.len(), arguments.to.display())
    };
    print_line(&text);
    Ok(())
}
