//! What the commands of `pipe cache` that reach a remote have in common: the store with its remote, and maybe a pipeline.

use crate::cli::completion;
use crate::cli::options::{
    OutputArguments, PipelineArguments, RemoteArguments, StoreArguments, VariantArguments, WorkerArguments,
};
use crate::cli::remote::{attach, traffic_text, with_remote};
use crate::cli::session::Session;
use crate::error::{Error, RemoteFault, Result};
use crate::store::{Store, Transferred};
use crate::terminal::{Steps, print_error};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;
use std::sync::Arc;

/// The results that are meant, and the remote.
#[derive(Debug, Args)]
pub(crate) struct SharedArguments {
    /// The pipeline whose current results are meant, and whose file may name the remote; all results when not given.
    #[arg(add = ArgValueCompleter::new(completion::pipelines))]
    pipeline: Option<String>,
    #[command(flatten)]
    variant: VariantArguments,
    #[command(flatten)]
    remote: RemoteArguments,
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    worker: WorkerArguments,
    #[command(flatten)]
    output: OutputArguments,
}

impl SharedArguments {
    /// The session of the pipeline, where one is given. Its store has the remote.
    pub(super) fn session(&self) -> Result<Option<Session>> {
        let Some(pipeline) = self.pipeline.clone() else { return Ok(None) };
        let Self { variant, store, worker, output, .. } = self;
        let (variant, store, worker, output) = (variant.clone(), store.clone(), worker.clone(), *output);
        let session = Session::open(&PipelineArguments {
            pipeline,
            variant,
            store,
            worker,
            slots: None,
            executor: None,
            output,
        })?;
        with_remote(session, &self.remote).map(Some)
    }

    /// The store with the remote, where no pipeline is given. It need not exist.
    pub(super) fn store(&self, command: &'static str) -> Result<Store> {
        attach(Store::new(self.store.folder()?), &self.remote, None).map(|store| watched(store, command))
    }

    pub(super) fn as_json(&self) -> bool {
        self.output.json
    }
}

/// The store with the progress of `command` on standard error.
pub(super) fn watched(store: Store, command: &'static str) -> Store {
    store.watched(Arc::new(Steps::new(command)))
}

/// Prints what was transferred.
///
/// # Errors
/// When something could not be, after everything is printed.
pub(super) fn conclude(store: &Store, came: &Transferred, done: &str, as_json: bool) -> Result<()> {
    let url = store.needed_remote()?.backend().url();
    for (key, why) in &came.failed {
        print_error(format!("the result of key {} was not {done}: {why}", key.0.short()));
    }
    OutputArguments { json: as_json }.print(
        || json!(came),
        || {
            let Transferred { present, transferred, failed, traffic } = came;
            let failed = if failed.is_empty() { String::new() } else { format!(", {} failed", failed.len()) };
            format!("{transferred} {done}, {present} present{failed}: {url}{}\n", traffic_text(traffic.as_ref()))
        },
    );
    if came.failed.is_empty() {
        return Ok(());
    }
    let message = format!("{} results were not {done}", came.failed.len());
    Err(Error::Remote { url, fault: RemoteFault::Damage, message, hint: None })
}
