//! `pipe cache status`: which results are here, and which in the remote.

use crate::cli::options::{OutputArguments, RemoteArguments, StoreArguments};
use crate::cli::remote::{attach, traffic_text};
use crate::error::Result;
use crate::pipeline;
use crate::store::{RemoteStatus, Store};
use clap::Args;
use serde_json::json;

/// Compare which results are here and in the remote.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The pipeline whose file names the remote, unless --remote or PIPE_REMOTE does.
    #[arg(add = clap_complete::engine::ArgValueCompleter::new(crate::cli::completion::pipelines))]
    pipeline: Option<String>,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Counts the results of both.
///
/// # Errors
/// When the remote cannot be used.
pub(super) fn status(arguments: &StatusArguments) -> Result<()> {
    let store = store_of(arguments.pipeline.as_deref(), &arguments.store, &arguments.remote)?;
    let found = store.remote_status()?;
    arguments.output.print(
        || json!(found),
        || {
            let RemoteStatus { url, both, only_here, only_there, traffic } = &found;
            let (here, there) = (only_here.len(), only_there.len());
            format!(
                "{both} results here and in {url}, {here} only here, {there} only there{}\n",
                traffic_text(traffic.as_ref())
            )
        },
    );
    Ok(())
}

/// The store with the remote that a pipeline's file names, unless the command line or the environment does.
pub(super) fn store_of(asked: Option<&str>, store: &StoreArguments, remote: &RemoteArguments) -> Result<Store> {
    let entry = match asked {
        Some(asked) => pipeline::load(asked, &[], &[])?.1.remote,
        None => None,
    };
    attach(Store::new(store.folder()?), remote, entry.as_ref())
}
