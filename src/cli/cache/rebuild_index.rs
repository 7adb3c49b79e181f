//! `pipe cache rebuild-index`: makes the index anew.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::terminal::print_line;
use clap::Args;
use serde_json::json;

/// Rebuild the index from records and runs.
#[derive(Debug, Args)]
pub(crate) struct RebuildIndexArguments {
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Makes the index anew from records and runs.
pub(super) fn rebuild_index(arguments: &RebuildIndexArguments) -> Result<()> {
    let rows = arguments.store.open()?.rebuild_index()?;
    let text = if arguments.output.json {
        json!({ "rows": rows }).to_string()
    } else {
        format!("the index is made anew with {rows} rows; files outside the store are read again when they are needed")
    };
    print_line(&text);
    Ok(())
}
