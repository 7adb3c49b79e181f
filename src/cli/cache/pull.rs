//! `pipe cache pull`: takes results from the remote without running anything.

use crate::cli::cache::shared::{SharedArguments, conclude, watched};
use crate::error::Result;
use crate::plan::SelectionOptions;
use crate::store::Transferred;
use clap::Args;

/// Take results from the remote that this store lacks.
#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    #[command(flatten)]
    shared: SharedArguments,
}

/// Pulls the results that the store lacks. Of a pipeline these are the stages up to the first that the remote lacks too.
///
/// # Errors
/// When the remote cannot be used, or a result could not be pulled.
pub(super) fn pull(arguments: &PullArguments) -> Result<()> {
    let as_json = arguments.shared.as_json();
    let Some(session) = arguments.shared.session()? else {
        let store = arguments.shared.store("pull")?;
        return conclude(&store, &store.pull_results(None)?, "pulled", as_json);
    };
    let remote = session.store.needed_remote()?;
    session.store.prepare()?;
    let current = {
        let _lock = session.store.lock_shared()?;
        session.current(&session.select(&SelectionOptions::default())?)?
    };
    let transferred = usize::try_from(remote.counts().0).unwrap_or(usize::MAX);
    let present = current.len().saturating_sub(transferred);
    let traffic = remote.backend().traffic();
    let came = Transferred { present, transferred, failed: Vec::new(), traffic };
    conclude(&watched(session.store, "pull"), &came, "pulled", as_json)
}
