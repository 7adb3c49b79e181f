//! `pipe cache`: looking after the store.

mod export;
mod figures;
mod gc;
mod ls;
mod path;
mod rebuild_index;
mod target;
mod verify;

pub(super) use target::{Target, current};

use crate::arguments::{CacheArguments, CacheCommand, StoreArguments};
use crate::error::{Error, Result};
use crate::pipeline::project_from;
use crate::store::Store;
use std::path::Path;

/// Does what `pipe cache` was told.
pub fn cache(arguments: &CacheArguments) -> Result<()> {
    match &arguments.command {
        CacheCommand::Ls(ls) => ls::ls(ls),
        CacheCommand::Path(path) => path::path(path),
        CacheCommand::Verify(verify) => verify::verify(verify),
        CacheCommand::Gc(gc) => gc::gc(gc),
        CacheCommand::Export(export) => export::export(export),
        CacheCommand::RebuildIndex(store) => rebuild_index::rebuild_index(store),
        CacheCommand::Stat(store) => figures::figures(store),
    }
}

/// The store that is meant, which must be there.
pub(super) fn open_store(arguments: &StoreArguments) -> Result<Store> {
    let here = || std::env::current_dir().map_err(|error| Error::io("reading", Path::new("."), error));
    let root = match &arguments.store {
        Some(root) => root.clone(),
        None => project_from(&here()?).join("artifacts"),
    };
    if root.join("actions").is_dir() {
        return Ok(Store::new(root));
    }
    Err(Error::NoResults(format!(
        "there is no store at {}; `pipe run` makes one, and --store or PIPE_STORE names another",
        root.display()
    )))
}
