//! `pipe cache rebuild-index`: reads every external input again.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::terminal::print_line;
use clap::Args;
use serde_json::json;

/// Forget the digests of external inputs and read them all again.
#[derive(Debug, Args)]
pub(crate) struct RebuildIndexArguments {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Forgets what is remembered of external inputs, and reads again those that are known.
pub(super) fn rebuild_index(arguments: &RebuildIndexArguments) -> Result<()> {
    let rebuilt = arguments.store.open_watched("rebuild-index")?.rebuild_index()?;
    if arguments.output.json {
        let line = json!({
            "inputs": rebuilt.inputs, "files": rebuilt.files, "left_out": rebuilt.left_out, "wrong": rebuilt.wrong,
        });
        print_line(line.to_string());
        return Ok(());
    }
    for path in &rebuilt.left_out {
        print_line(format!("{} cannot be read and is left out", path.display()));
    }
    for path in &rebuilt.wrong {
        print_line(format!("{} had changed without another time stamp; the next run sees the change", path.display()));
    }
    print_line(format!("the index is rebuilt: {} inputs, {} files read", rebuilt.inputs.len(), rebuilt.files));
    Ok(())
}
