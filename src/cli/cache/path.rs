//! `pipe cache path`: where a stage's current result is.

use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::cli::target::{Target, current};
use crate::error::Result;
use crate::terminal::print;
use clap::Args;
use serde_json::{Map, Value};

/// Print the folders of a stage's current result.
#[derive(Debug, Args)]
pub(crate) struct PathArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// The stage; with an output only that one's folder.
    #[arg(value_name = "STAGE[.OUTPUT]")]
    pub(super) stage: String,
}

/// Prints the folder of each output that is meant, one a line.
pub(super) fn path(arguments: &PathArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let targets = [Target::parse(&session, &arguments.stage)?];
    let _lock = session.store.lock_shared()?;
    let actions = current(&session, &targets)?;
    let folders = targets.iter().zip(&actions).flat_map(|(target, action)| {
        let meant = action.outputs.iter().filter(|(port, _)| target.ports.contains(*port));
        meant.map(|(port, artifact)| (port.to_string(), session.store.artifact(&artifact.digest).display().to_string()))
    });
    let text = if arguments.pipeline.output.json {
        let folders: Map<String, Value> = folders.map(|(port, folder)| (port, Value::String(folder))).collect();
        format!("{}\n", Value::Object(folders))
    } else {
        folders.map(|(_, folder)| folder + "\n").collect()
    };
    print(&text);
    Ok(())
}
