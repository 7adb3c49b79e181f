//! `pipe cache remote-gc`: removes from the remote what nobody needs.

use crate::cli::cache::status::store_of;
use crate::cli::options::{OutputArguments, RemoteArguments, StoreArguments};
use crate::error::Result;
use crate::store::{RemoteCollected, RemoteGcOptions};
use crate::terminal::size;
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// Remove from the remote what no result refers to, and results that are too old.
#[derive(Debug, Args)]
pub(crate) struct RemoteGcArguments {
    /// The pipeline whose file names the remote, unless --remote or PIPE_REMOTE does.
    #[arg(add = clap_complete::engine::ArgValueCompleter::new(crate::cli::completion::pipelines))]
    pipeline: Option<String>,
    /// Also remove results that were pushed more than D days ago.
    #[arg(long, value_name = "D")]
    keep_days: Option<u64>,
    /// Leave what no result refers to for D days, at least 2: the result of a push that goes on is not there yet.
    #[arg(long, value_name = "D", default_value_t = 7)]
    grace_days: u64,
    /// Only say what would go.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Removes and says what is gone.
///
/// # Errors
/// When the remote cannot be used, or a record in it cannot be read.
pub(super) fn remote_gc(arguments: &RemoteGcArguments) -> Result<()> {
    let store = store_of(arguments.pipeline.as_deref(), &arguments.store, &arguments.remote)?;
    let grace = Duration::from_secs(arguments.grace_days.saturating_mul(24 * 3600));
    let options = RemoteGcOptions { keep_days: arguments.keep_days, grace, dry_run: arguments.dry_run };
    let collected = store.collect_remote(&options)?;
    let verb = if arguments.dry_run { "would remove" } else { "removed" };
    arguments.output.print(
        || json!(collected),
        || {
            let RemoteCollected { records, artifacts, unfinished } = &collected;
            format!(
                "{verb} {} results, {} artifacts, {} parts of unfinished pushes ({})\n",
                records.len(),
                artifacts.len(),
                unfinished.count,
                size(unfinished.bytes)
            )
        },
    );
    Ok(())
}
