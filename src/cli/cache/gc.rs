//! `pipe cache gc`: removes what nobody needs.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::Result;
use crate::pipeline::bytes;
use crate::store::{Collected, GcOptions, Removal, RemovalKind};
use crate::terminal::{print, size};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;

/// Remove what nothing refers to, and what is beyond what is to be kept.
#[derive(Debug, Args)]
pub(crate) struct GcArguments {
    /// Keep what the newest N runs of each pipeline used; with --keep-days, keep what either keeps.
    #[arg(long, value_name = "N")]
    pub(super) keep_runs: Option<usize>,
    /// Keep what was used in the last D days.
    #[arg(long, value_name = "D")]
    pub(super) keep_days: Option<u64>,
    /// Then remove what was used least recently until the store has no more than this: a number and K, M, G or T.
    #[arg(long, value_name = "SIZE", value_parser = size_limit)]
    pub(super) max_size: Option<u64>,
    /// Also remove what is in quarantine: what was found damaged.
    #[arg(long, alias = "set-aside")]
    pub(super) quarantine: bool,
    /// Only say what would go.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Says what goes, removes it, and says what is gone.
///
/// # Errors
/// When something could not be removed, after the rest is gone.
pub(super) fn gc(arguments: &GcArguments) -> Result<()> {
    let store = arguments.store.open_watched("gc")?;
    let GcArguments { keep_runs, keep_days, max_size, quarantine, dry_run, .. } = *arguments;
    let options = GcOptions { keep_runs, keep_days, max_size, quarantine };
    if dry_run {
        let removals = store.removals(&options)?;
        print(&if arguments.output.json {
            json(&removals, &[])
        } else {
            list(&removals) + &sum("would free", &removals)
        });
        return Ok(());
    }
    let mut collected = store.collect(&options, |removals| {
        if !arguments.output.json {
            print(&sum("is going to free", removals));
        }
    })?;
    let Collected { removed, failed } = &collected;
    if arguments.output.json {
        print(&json(removed, failed));
    } else {
        print(&sum("freed", removed));
    }
    for (removal, error) in failed.iter().skip(1) {
        tracing::error!("{} could not be removed: {error}", removal.name);
    }
    collected.failure().map_or(Ok(()), Err)
}

fn json(removals: &[Removal], failed: &[(Removal, std::io::Error)]) -> String {
    let failed: Vec<_> = failed
        .iter()
        .map(|(removal, error)| json!({ "kind": removal.kind, "name": removal.name, "message": error.to_string() }))
        .collect();
    let bytes = removals.iter().fold(0_u64, |total, removal| total.saturating_add(removal.bytes));
    format!("{}\n", json!({ "removed": removals, "bytes": bytes, "failed": failed }))
}

fn list(removals: &[Removal]) -> String {
    let line = |removal: &Removal| {
        let of = removal.of.as_ref().map(|of| format!("  {of}")).unwrap_or_default();
        let name: String = match removal.kind {
            RemovalKind::Record | RemovalKind::Artifact | RemovalKind::Checkpoint => {
                removal.name.chars().take(12).collect()
            }
            _ => removal.name.clone(),
        };
        format!("{:<10}  {name}{of}  {}\n", removal.kind.noun(1), size(removal.bytes))
    };
    removals.iter().map(line).collect()
}

/// How many of each kind, and their bytes.
fn sum(verb: &str, removals: &[Removal]) -> String {
    let mut counts: BTreeMap<RemovalKind, usize> = BTreeMap::new();
    for removal in removals {
        *counts.entry(removal.kind).or_default() += 1;
    }
    let bytes = removals.iter().fold(0_u64, |total, removal| total.saturating_add(removal.bytes));
    let parts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {}", kind.noun(*count))).collect();
    let of = if parts.is_empty() { "nothing to remove".to_owned() } else { parts.join(", ") };
    format!("{verb} {}: {of}\n", size(bytes))
}

fn size_limit(text: &str) -> std::result::Result<u64, String> {
    let bare = || text.parse().ok();
    bytes(text).or_else(bare).ok_or_else(|| "expected a number and K, M, G or T, such as 20G".to_owned())
}
