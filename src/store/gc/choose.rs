//! Choosing what may be removed from the store: without options only what nothing refers to.
//!
//! Never chosen are results that are pinned or that live runs have written down, and checkpoints that somebody works in.

use crate::error::{Error, Result};
use crate::fs::lock::FileLock;
use crate::fs::status::FileStatus;
use crate::key::Digest;
use crate::key::Key;
use crate::key::RunId;
use crate::store::gc::retention::{Candidate, Rule, retire};
use crate::store::repair::quarantine::QUARANTINES;
use crate::store::runs::needs::Needed;
use crate::store::survey::entries::{Entry, Records, Uses, bytes_of, is_half_written, list, name_of, saturating_sum};
use crate::store::{Store, now};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What may go besides what nothing refers to.
#[derive(Clone, Copy, Debug, Default)]
pub struct GcOptions {
    /// Results and runs beyond the newest so many runs of each pipeline.
    pub keep_runs: Option<usize>,
    /// Results and runs that were not used for so many days.
    pub keep_days: Option<u64>,
    /// The least recently used results, until the store has no more bytes than that.
    pub max_size: Option<u64>,
    /// What was found damaged, in `quarantine/`.
    pub quarantine: bool,
}

/// What is, was or could not be removed.
#[derive(Clone, Debug, Serialize)]
pub struct Removal {
    /// What it is.
    pub kind: RemovalKind,
    /// The key, digest, run or path.
    pub name: String,
    /// What it is of, for people: the stage and pipeline of a result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    #[serde(skip)]
    pub(crate) path: PathBuf,
    #[serde(skip)]
    pub(crate) precondition: Precondition,
}

/// The kinds of things that are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovalKind {
    /// A result's record; its artifacts count for themselves.
    Record,
    /// An artifact that no record that stays names.
    Artifact,
    /// The checkpoint of a result that is there.
    Checkpoint,
    /// The record and logs of a run.
    Run,
    /// What a run that was killed left.
    LeftOver,
    /// What was found damaged.
    Quarantined,
}

impl RemovalKind {
    /// The noun for so many of it.
    pub fn noun(self, count: usize) -> &'static str {
        let (one, many) = match self {
            Self::Record => ("result", "results"),
            Self::Artifact => ("artifact", "artifacts"),
            Self::Checkpoint => ("checkpoint", "checkpoints"),
            Self::Run => ("run", "runs"),
            Self::LeftOver => ("left-over", "left-overs"),
            Self::Quarantined => ("quarantined thing", "quarantined things"),
        };
        if count == 1 { one } else { many }
    }
}

/// What has to be so still when it is removed.
#[derive(Clone, Debug)]
pub(crate) enum Precondition {
    /// The record was not made anew or used since then.
    Record { key: Key, status: FileStatus, used: u64 },
    /// No record names the artifact.
    Artifact(Digest),
    /// Nobody works in the checkpoint.
    Checkpoint(Key),
    /// The run has ended.
    Run(RunId, FileStatus),
    /// Nobody holds the lock.
    Lock,
    /// Nothing.
    Anything,
}

/// All that decides what may go.
#[derive(Debug)]
pub(crate) struct GcRoots {
    pub(crate) records: Records,
    pub(crate) uses: Uses,
    needed: Needed,
    pinned: BTreeSet<Key>,
    /// The artifacts that records name or live runs use.
    in_use: BTreeSet<Digest>,
}

impl GcRoots {
    pub(crate) fn of(store: &Store) -> Result<Self> {
        let mut roots = Self {
            records: Records::default(),
            uses: Uses::default(),
            needed: Needed::default(),
            pinned: BTreeSet::new(),
            in_use: BTreeSet::new(),
        };
        roots.refresh(store)?;
        Ok(roots)
    }

    /// Looks again. The store's lock has to be held, so that it stays so.
    pub(crate) fn refresh(&mut self, store: &Store) -> Result<()> {
        self.records.refresh(store)?;
        if let Some((path, why)) = self.records.unreadable.iter().next() {
            let count = self.records.unreadable.len();
            return Err(Error::Damaged {
                message: format!(
                    "{count} of the records cannot be read, so that nobody knows what they refer to; {}: {why}",
                    path.display()
                ),
                hint: Some("move them to quarantine with `pipe cache verify --repair`".to_owned()),
            });
        }
        self.uses.refresh(store)?;
        self.needed = store.needed()?;
        self.pinned = store.pins()?.into_iter().flat_map(|pin| pin.keys.into_values()).collect();
        self.in_use = self.records.artifacts();
        self.in_use.extend(&self.needed.artifacts);
        Ok(())
    }

    pub(crate) fn protects(&self, key: Key) -> bool {
        self.pinned.contains(&key) || self.needed.keys.contains(&key)
    }

    pub(crate) fn is_in_use(&self, artifact: &Digest) -> bool {
        self.in_use.contains(artifact)
    }
}

/// A file that is written beside its place is there for milliseconds.
const LEFT: Duration = Duration::from_secs(3600);

impl Store {
    /// What would go. Changes nothing.
    pub fn removals(&self, options: &GcOptions) -> Result<Vec<Removal>> {
        let _lock = self.lock_shared()?;
        Chooser { store: self, roots: &GcRoots::of(self)?, options }.choose()
    }
}

/// Chooses what goes.
pub(crate) struct Chooser<'a> {
    pub(crate) store: &'a Store,
    pub(crate) roots: &'a GcRoots,
    pub(crate) options: &'a GcOptions,
}

impl Chooser<'_> {
    /// What goes, in the order in which it may go.
    pub(crate) fn choose(&self) -> Result<Vec<Removal>> {
        let others = [self.checkpoints()?, self.runs()?, self.left_overs()?, self.quarantined()?].concat();
        let records = self.records(&others)?;
        let artifacts = self.artifacts(&records)?;
        Ok([records, artifacts, others].concat())
    }

    fn records(&self, others: &[Removal]) -> Result<Vec<Removal>> {
        let GcRoots { records, uses, .. } = self.roots;
        let kept = uses.keys_of_newest_runs(self.options.keep_runs.unwrap_or(0));
        let candidates: Vec<Candidate> = records
            .entries
            .values()
            .map(|entry| Candidate {
                key: entry.key,
                used: uses.last(entry),
                artifacts: entry.outputs.values().copied().collect(),
                in_kept_runs: kept.contains(&entry.key),
                protected: self.roots.protects(entry.key),
            })
            .collect();
        let rule = Rule {
            by_runs: self.options.keep_runs.is_some(),
            since: self.options.keep_days.map(since),
            max_size: self.options.max_size,
        };
        let beside = if rule.max_size.is_some() { self.beside(others)? } else { 0 };
        let out = retire(&candidates, &records.sizes, beside, &rule);
        let mut going: Vec<&Entry> = out.iter().filter_map(|key| records.entries.get(key)).collect();
        going.sort_by_key(|entry| (uses.last(entry), entry.key));
        Ok(going.into_iter().map(|entry| self.record(entry)).collect())
    }

    fn record(&self, entry: &Entry) -> Removal {
        let stage = entry.stage.as_ref().map_or(entry.kind.as_str(), |stage| stage.as_str());
        let precondition =
            Precondition::Record { key: entry.key, status: entry.status, used: self.roots.uses.last(entry) };
        Removal {
            kind: RemovalKind::Record,
            name: entry.key.to_string(),
            of: Some(format!("{stage} of {}", entry.pipeline)),
            bytes: entry.bytes,
            path: self.store.action_path(entry.key),
            precondition,
        }
    }

    /// The artifacts that no record names but those that go.
    fn artifacts(&self, going: &[Removal]) -> Result<Vec<Removal>> {
        let going: BTreeSet<&str> = going.iter().map(|removal| removal.name.as_str()).collect();
        let stay = self.roots.records.entries.values().filter(|entry| !going.contains(entry.key.to_string().as_str()));
        let mut used: BTreeSet<Digest> = stay.flat_map(|entry| entry.outputs.values().copied()).collect();
        used.extend(&self.roots.needed.artifacts);
        let found = self.store.names_in("store")?.into_iter();
        let unused = found.filter_map(|path| Digest::parse(&name_of(&path)).map(|digest| (digest, path)));
        let removal = |(digest, path): (Digest, PathBuf)| {
            self.removal(RemovalKind::Artifact, digest.to_string(), path, Precondition::Artifact(digest))
        };
        Ok(unused.filter(|(digest, _)| !used.contains(digest)).map(removal).collect())
    }

    /// Checkpoints whose stage has succeeded, which wipes them unless it is killed just then.
    fn checkpoints(&self) -> Result<Vec<Removal>> {
        let found = self.store.names_in("checkpoints")?.into_iter();
        let keyed = found.filter_map(|path| Key::parse(&name_of(&path)).map(|key| (key, path)));
        let done = keyed.filter(|(key, _)| self.roots.records.entries.contains_key(key));
        let removal = |(key, path): (Key, PathBuf)| {
            self.removal(RemovalKind::Checkpoint, key.to_string(), path, Precondition::Checkpoint(key))
        };
        Ok(done.filter(|(key, _)| !self.store.is_leased(*key)).map(removal).collect())
    }

    fn runs(&self) -> Result<Vec<Removal>> {
        let GcOptions { keep_runs, keep_days, .. } = *self.options;
        if keep_runs.is_none() && keep_days.is_none() {
            return Ok(Vec::new());
        }
        let newest = self.roots.uses.newest_runs(keep_runs.unwrap_or(0));
        let stays = |run: &RunId, started: u64| {
            newest.contains(run) || keep_days.is_some_and(|days| started >= since(days)) || self.store.is_alive(run)
        };
        let runs = self.roots.uses.runs.iter().filter(|(run, used)| !stays(run, used.started));
        Ok(runs
            .map(|(run, used)| {
                let precondition = Precondition::Run(run.clone(), used.status);
                self.removal(RemovalKind::Run, run.to_string(), self.store.run_folder(run), precondition)
            })
            .collect())
    }

    /// What processes that were killed left: folders in `tmp`, files beside their places, a damaged index.
    fn left_overs(&self) -> Result<Vec<Removal>> {
        let store = self.store;
        let mut found: Vec<PathBuf> = store.names_in("tmp")?;
        found.retain(|path| path.is_dir() && name_of(path) != "locks" && is_dead(store, path));
        // Records are written under the store's lock, which we hold when these are removed.
        found.extend(store.names_in("actions")?.into_iter().filter(|path| is_half_written(path)));
        let mut folders = vec![store.root().join("index"), store.root().join("pins")];
        for pipeline in store.pipeline_folders()? {
            folders.extend(list(&store.disk, &pipeline)?);
        }
        for folder in folders {
            let beside = list(&store.disk, &folder)?.into_iter();
            found.extend(beside.filter(|path| is_half_written(path) && is_older_than(path, LEFT)));
        }
        let damaged = |path: &PathBuf| name_of(path).starts_with("sled.damaged-");
        found.extend(store.names_in("index")?.into_iter().filter(damaged));
        Ok([self.of_paths(RemovalKind::LeftOver, found, &Precondition::Anything), self.locks()?].concat())
    }

    /// Locks that nobody holds. The run that has just made one may not hold it yet.
    fn locks(&self) -> Result<Vec<Removal>> {
        let paths = [self.store.names_in("tmp")?, self.store.names_in("tmp/locks")?].concat();
        let is_left = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "lock")
                && !path.with_extension("").is_dir()
                && is_older_than(path, LEFT)
                && matches!(FileLock::try_take(&self.store.disk, path), Ok(Some(_)))
        };
        let left = paths.into_iter().filter(is_left).collect();
        Ok(self.of_paths(RemovalKind::LeftOver, left, &Precondition::Lock))
    }

    fn quarantined(&self) -> Result<Vec<Removal>> {
        let found = if self.options.quarantine { self.store.in_quarantine()? } else { Vec::new() };
        Ok(self.of_paths(RemovalKind::Quarantined, found, &Precondition::Anything))
    }

    fn of_paths(&self, kind: RemovalKind, paths: Vec<PathBuf>, precondition: &Precondition) -> Vec<Removal> {
        let relative =
            |path: &Path| path.strip_prefix(self.store.root()).unwrap_or(path).to_string_lossy().into_owned();
        paths.into_iter().map(|path| self.removal(kind, relative(&path), path, precondition.clone())).collect()
    }

    fn removal(&self, kind: RemovalKind, name: String, path: PathBuf, precondition: Precondition) -> Removal {
        Removal { kind, name, of: None, bytes: bytes_of(&self.store.disk, &path), path, precondition }
    }

    /// The bytes that stay whatever becomes of the results: all but records and their artifacts, without `others`.
    fn beside(&self, others: &[Removal]) -> Result<u64> {
        let named = self.roots.records.artifacts();
        let only_needed = self.roots.needed.artifacts.iter().filter(|digest| !named.contains(*digest));
        let mut bytes =
            saturating_sum(only_needed.map(|digest| bytes_of(&self.store.disk, &self.store.artifact(digest))));
        for folder in ["checkpoints", "runs", "index"].into_iter().chain(QUARANTINES) {
            bytes = bytes.saturating_add(bytes_of(&self.store.disk, &self.store.root().join(folder)));
        }
        let going = others.iter().filter(|removal| !removal.path.starts_with(self.store.root().join("tmp")));
        Ok(bytes.saturating_sub(saturating_sum(going.map(|removal| removal.bytes))))
    }
}

/// The time so many days ago, in seconds since 1970.
fn since(days: u64) -> u64 {
    now().saturating_sub(days.saturating_mul(24 * 3600))
}

/// Whether nobody holds the lock of a folder in `tmp`.
fn is_dead(store: &Store, folder: &Path) -> bool {
    let lock = folder.with_extension("lock");
    !lock.exists() || matches!(FileLock::try_take(&store.disk, &lock), Ok(Some(_)))
}

fn is_older_than(path: &Path, age: Duration) -> bool {
    let modified = std::fs::symlink_metadata(path).and_then(|found| found.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed > age))
}
