//! `pipe cache push`: gives results to the remote.

use crate::cli::cache::shared::{SharedArguments, conclude, watched};
use crate::error::Result;
use crate::key::Key;
use crate::plan::SelectionOptions;
use clap::Args;
use std::collections::BTreeSet;

/// Give results to the remote that it lacks.
#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    #[command(flatten)]
    shared: SharedArguments,
}

/// Pushes the results that the remote lacks.
///
/// # Errors
/// When the remote cannot be used, or a result could not be pushed.
pub(super) fn push(arguments: &PushArguments) -> Result<()> {
    let (store, keys) = match arguments.shared.session()? {
        None => (arguments.shared.store("push")?, None),
        Some(session) => {
            let keys: BTreeSet<Key> = {
                let _lock = session.store.lock_shared()?;
                let here = session.store.clone().without_remote();
                let current = session.current_in(&session.select(&SelectionOptions::default())?, &here)?;
                current.values().map(|action| action.key).collect()
            };
            (watched(session.store, "push"), Some(keys))
        }
    };
    let pushed = store.push_results(keys.as_ref())?;
    conclude(&store, &pushed, "pushed", arguments.shared.as_json())
}
