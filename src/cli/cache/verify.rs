//! `pipe cache verify`: whether the store is what it says.

use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::{Error, Result};
use crate::store::{Damage, Verification};
use crate::terminal::{print, size};
use clap::Args;
use serde_json::json;

/// Look whether every record and artifact is whole.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Read every byte, and look for files that do not belong.
    #[arg(long)]
    pub(super) deep: bool,
    /// Move what is damaged to quarantine, so that the next run makes it again.
    #[arg(long)]
    pub(super) repair: bool,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Looks at all records and artifacts, and moves what is damaged to quarantine with `--repair`.
///
/// # Errors
/// When something is damaged and was not moved to quarantine, after all of it has been printed.
pub(super) fn verify(arguments: &VerifyArguments) -> Result<()> {
    let store = arguments.store.open_watched("verify")?;
    let mut found = store.verify(arguments.deep)?;
    let repaired = if arguments.repair { store.repair(&mut found) } else { Ok(()) };
    let text = if arguments.output.json { format!("{}\n", json!(found)) } else { text(&found, arguments.deep) };
    print(&text);
    repaired?;
    let count = found.damage.len();
    if count == 0 || arguments.repair {
        return Ok(());
    }
    Err(Error::Damaged {
        message: format!(
            "{count} {} in the store {} damaged",
            if count == 1 { "thing" } else { "things" },
            if count == 1 { "is" } else { "are" }
        ),
        hint: Some("move it to quarantine with `pipe cache verify --repair`; the next run makes it again".to_owned()),
    })
}

fn text(found: &Verification, deep: bool) -> String {
    let looked = if deep { "every byte of" } else { "the sizes of" };
    let mut text = format!(
        "{} records, {looked} {} artifacts ({}): {} damaged\n",
        found.records,
        found.artifacts,
        size(found.bytes),
        found.damage.len()
    );
    for damage in &found.damage {
        text += &lines_of(damage);
    }
    if !found.unnamed.is_empty() {
        text += &format!("{} artifacts that no record names; `pipe cache gc` removes them\n", found.unnamed.len());
    }
    text
}

fn lines_of(Damage { path, why, keys, quarantined, .. }: &Damage) -> String {
    let mut text = format!("damaged: {why}\n  at {}\n", path.display());
    text += &keys.iter().map(|key| format!("  result {}\n", key.0.short())).collect::<String>();
    text + &quarantined.iter().map(|path| format!("  moved to {}\n", path.display())).collect::<String>()
}
