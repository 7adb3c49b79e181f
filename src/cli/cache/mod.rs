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

use crate::cli::arguments::{CacheArguments, CacheCommand};
use crate::error::Result;

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
