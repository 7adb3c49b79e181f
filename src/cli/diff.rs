//! `pipe diff`: what differs between two runs.

use crate::cli::arguments::DiffArguments;
use crate::cli::opened::open_store;
use crate::error::Result;
use crate::report::diff;
use serde_json::json;
use std::io::Write as _;

/// Prints the difference.
pub fn diff(arguments: &DiffArguments) -> Result<()> {
    let store = open_store(&arguments.store)?;
    // Until they are read, nothing of the results goes.
    let _share = store.share()?;
    let difference = diff::diff(&store, &store.find_run(&arguments.old)?, &store.find_run(&arguments.new)?)?;
    let text = if arguments.store.json { format!("{}\n", json!(difference)) } else { difference.text() };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}
