//! `pipe cache rebuild-index`: makes the index anew.

use crate::cli::arguments::StoreArguments;
use crate::cli::opened::open_store;
use crate::error::Result;
use serde_json::json;
use std::io::Write as _;

/// Makes the index anew from records and runs.
pub(super) fn rebuild_index(arguments: &StoreArguments) -> Result<()> {
    let rows = open_store(arguments)?.rebuild_index()?;
    let text = if arguments.json {
        json!({ "rows": rows }).to_string()
    } else {
        format!("the index is made anew with {rows} rows; files outside the store are read again when they are needed")
    };
    // Nobody may be reading any more.
    drop(writeln!(std::io::stdout(), "{text}"));
    Ok(())
}
