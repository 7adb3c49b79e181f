//! `pipe export merged`: the tuned model as a folder that other programs load.

use crate::cli::arguments::{ExportCommand, ExportModelArguments, MergedArguments};
use crate::cli::lineage::{lineage, the_maker};
use crate::cli::opened::Opened;
use crate::error::{Error, Result};
use crate::terminal::size;
use crate::worker;
use serde::Deserialize;
use serde_json::json;
use std::io::Write as _;

/// The kind of artifact that is a tuned model.
const TUNED: &str = "tuned-model";

#[derive(Deserialize)]
struct Answer {
    is_adapter: bool,
    bytes: u64,
}

/// Writes results in the form that other programs want.
pub fn export(arguments: &ExportModelArguments) -> Result<()> {
    match &arguments.what {
        ExportCommand::Merged(merged) => export_merged(merged),
    }
}

fn export_merged(arguments: &MergedArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let stage = the_maker(&opened, TUNED, arguments.stage.as_deref())?;
    let output = &arguments.output;
    if output.exists() {
        return Err(Error::Usage {
            message: format!("{} is there already", output.display()),
            hint: Some("name a folder that is not, or remove it first".to_owned()),
        });
    }
    let _share = opened.store.share()?;
    let request = json!({ "stage": lineage(&opened, &arguments.pipeline.pipeline, stage)?, "output": output });
    let answer: Answer = worker::question(&opened.worker, "merge", &request)?;
    let text = if arguments.pipeline.json {
        json!({ "folder": output, "merged": answer.is_adapter, "bytes": answer.bytes }).to_string()
    } else {
        let how = if answer.is_adapter { "with its adapter merged" } else { "whole, since all weights were tuned" };
        format!("the model, {how}, is in {} ({})", output.display(), size(answer.bytes))
    };
    // Nobody may be reading any more.
    drop(writeln!(std::io::stdout(), "{text}"));
    Ok(())
}
