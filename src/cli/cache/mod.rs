//! `pipe cache`: looking after the store.

mod export;
mod gc;
mod ls;
mod path;
mod pull;
mod push;
mod rebuild_index;
mod remote_gc;
mod shared;
mod stat;
mod status;
mod verify;

use crate::error::Result;
use clap::{Args, Subcommand};

/// Look after the store: list, check, tidy, copy, share.
#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: CacheCommand,
}

/// What can be done with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    Ls(ls::LsArguments),
    Path(path::PathArguments),
    Verify(verify::VerifyArguments),
    Gc(gc::GcArguments),
    Export(export::ExportArguments),
    RebuildIndex(rebuild_index::RebuildIndexArguments),
    Stat(stat::StatArguments),
    Push(push::PushArguments),
    Pull(pull::PullArguments),
    Status(status::StatusArguments),
    RemoteGc(remote_gc::RemoteGcArguments),
}

/// Runs a command of `pipe cache`.
pub(super) fn cache(arguments: &CacheArguments) -> Result<()> {
    match &arguments.command {
        CacheCommand::Ls(ls) => ls::ls(ls),
        CacheCommand::Path(path) => path::path(path),
        CacheCommand::Verify(verify) => verify::verify(verify),
        CacheCommand::Gc(gc) => gc::gc(gc),
        CacheCommand::Export(export) => export::export(export),
        CacheCommand::RebuildIndex(rebuild) => rebuild_index::rebuild_index(rebuild),
        CacheCommand::Stat(stat) => stat::stat(stat),
        CacheCommand::Push(push) => push::push(push),
        CacheCommand::Pull(pull) => pull::pull(pull),
        CacheCommand::Status(status) => status::status(status),
        CacheCommand::RemoteGc(gc) => remote_gc::remote_gc(gc),
    }
}
