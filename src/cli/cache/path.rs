//! `pipe cache path`: where a stage's current result is.

use super::{Target, current};
use crate::cli::arguments::PathArguments;
use crate::cli::opened::Opened;
use crate::error::Result;
use serde_json::{Map, Value};
use std::io::Write as _;

/// Prints the folder of each output that is meant, one a line.
pub(super) fn path(arguments: &PathArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let targets = [Target::parse(&opened, &arguments.stage)?];
    let _share = opened.store.share()?;
    let actions = current(&opened, &targets)?;
    let folders = targets.iter().zip(&actions).flat_map(|(target, action)| {
        let meant = action.outputs.iter().filter(|(port, _)| target.ports.contains(*port));
        meant.map(|(port, artifact)| (port.to_string(), opened.store.artifact(&artifact.digest).display().to_string()))
    });
    let text = if arguments.pipeline.json {
        let folders: Map<String, Value> = folders.map(|(port, folder)| (port, Value::String(folder))).collect();
        format!("{}\n", Value::Object(folders))
    } else {
        folders.map(|(_, folder)| folder + "\n").collect()
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}
