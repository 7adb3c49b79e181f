//! `pipe cache gc`: removes what nobody needs.

use crate::cli::arguments::GcArguments;
use crate::cli::opened::open_store;
use crate::error::Result;
use crate::store::{Collected, Removal, RemovalKind, Wish};
use crate::terminal::size;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Says what goes, removes it, and says what is gone.
///
/// # Errors
/// When something could not be removed, after the rest is gone.
pub(super) fn gc(arguments: &GcArguments) -> Result<()> {
    let store = open_store(&arguments.store)?;
    let GcArguments { keep_runs, keep_days, max_size, set_aside, dry_run, .. } = *arguments;
    let wish = Wish { keep_runs, keep_days, max_size, set_aside };
    if dry_run {
        let removals = store.removals(&wish)?;
        say(&if arguments.store.json { json(&removals, &[]) } else { list(&removals) + &sum("would free", &removals) });
        return Ok(());
    }
    let mut collected = store.collect(&wish, |removals| {
        if !arguments.store.json {
            say(&sum("is going to free", removals));
        }
    })?;
    let Collected { removed, failed } = &collected;
    if arguments.store.json {
        say(&json(removed, failed));
    } else {
        say(&sum("freed", removed));
    }
    for (removal, error) in failed.iter().skip(1) {
        tracing::error!("{} could not be removed: {error}", removal.name);
    }
    collected.failure().map_or(Ok(()), Err)
}

fn say(text: &str) {
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
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
        format!("{:<10}  {name}{of}  {}\n", removal.kind.word(1), size(removal.bytes))
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
    let parts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {}", kind.word(*count))).collect();
    let of = if parts.is_empty() { "nothing to remove".to_owned() } else { parts.join(", ") };
    format!("{verb} {}: {of}\n", size(bytes))
}
