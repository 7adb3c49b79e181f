//! How much of what is in the store.

use crate::error::{Error, Result};
use crate::key::Digest;
use crate::key::Key;
use crate::store::Store;
use crate::store::backend::remote::Amount;
use crate::store::survey::entries::{Records, bytes_of, name_of};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// How many things of each sort a store has, and their bytes.
#[derive(Clone, Debug, Serialize)]
pub struct StoreStats {
    /// Records.
    pub records: Amount,
    /// Records that cannot be read.
    pub unreadable: u64,
    /// Artifacts.
    pub artifacts: Amount,
    /// The artifacts that results of each kind of stage name. One that two kinds name counts for both.
    pub kinds: BTreeMap<String, Amount>,
    /// Artifacts that no record names.
    pub unnamed: Amount,
    /// What was found damaged.
    pub quarantine: Amount,
    /// Checkpoints of stages that did not succeed yet.
    pub checkpoints: Amount,
    /// Records and logs of runs.
    pub runs: Amount,
    /// Folders where runs write, alive or killed.
    pub tmp: Amount,
    /// The index and the notes beside it.
    pub index: Amount,
    /// Pins, and the results that they keep.
    pub pins: u64,
    /// The results that pins keep.
    pub pinned: u64,
    /// The bytes that are free on the store's disk.
    pub free: u64,
}

impl Store {
    /// Counts what is in the store.
    pub fn stats(&self) -> Result<StoreStats> {
        let _lock = self.lock_shared()?;
        let records = Records::of(self)?;
        let named = records.artifacts();
        let mut artifacts = Amount::default();
        let mut unnamed = Amount::default();
        for path in self.names_in("store")? {
            let digest = Digest::parse(&name_of(&path));
            let known = digest.and_then(|digest| records.sizes.get(&digest).copied());
            let bytes = known.unwrap_or_else(|| bytes_of(&self.disk, &path));
            artifacts.add(bytes);
            if !digest.is_some_and(|digest| named.contains(&digest)) {
                unnamed.add(bytes);
            }
        }
        let pins = self.pins()?;
        let pinned: BTreeSet<Key> = pins.iter().flat_map(|pin| pin.keys.values().copied()).collect();
        Ok(StoreStats {
            records: of(records.entries.values().map(|entry| entry.bytes)),
            unreadable: records.unreadable.len() as u64,
            kinds: kinds(&records),
            artifacts,
            unnamed,
            quarantine: self.amount_of(&self.in_quarantine()?),
            checkpoints: self.amount("checkpoints")?,
            runs: self.amount("runs")?,
            tmp: self.amount("tmp")?,
            index: self.amount("index")?,
            pins: pins.len() as u64,
            pinned: pinned.len() as u64,
            free: self.free()?,
        })
    }

    fn amount(&self, folder: &str) -> Result<Amount> {
        // Locks are no content.
        let is_content = |name: &str| name != "locks" && !name.ends_with(".lock");
        let mut paths = self.names_in(folder)?;
        paths.retain(|path| is_content(&name_of(path)));
        Ok(self.amount_of(&paths))
    }

    fn amount_of(&self, paths: &[PathBuf]) -> Amount {
        of(paths.iter().map(|path| bytes_of(&self.disk, path)))
    }

    /// The bytes that may still be written.
    fn free(&self) -> Result<u64> {
        let found = rustix::fs::statvfs(&self.root).map_err(|error| Error::io("reading", &self.root, error.into()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

fn of(sizes: impl Iterator<Item = u64>) -> Amount {
    let mut amount = Amount::default();
    sizes.for_each(|bytes| amount.add(bytes));
    amount
}

fn kinds(records: &Records) -> BTreeMap<String, Amount> {
    let mut by_kind: BTreeMap<String, BTreeSet<Digest>> = BTreeMap::new();
    for entry in records.entries.values() {
        by_kind.entry(entry.kind.clone()).or_default().extend(entry.outputs.values());
    }
    let size = |digest: &Digest| records.sizes.get(digest).copied().unwrap_or(0);
    by_kind.into_iter().map(|(kind, artifacts)| (kind, of(artifacts.iter().map(size)))).collect()
}
