//! What is in the store, as its records, runs and links tell: for lists, for sums, and to choose what goes.
//!
//! A survey may be refreshed: what did not change since is not read again, so that it is cheap under the store's lock.

use crate::error::{Error, Result};
use crate::fs::Disk;
use crate::fs::status::FileStatus;
use crate::key::Digest;
use crate::key::Key;
use crate::key::RESERVED;
use crate::key::{PortName, RunId, StageName};
use crate::store::Store;
use crate::store::results::action::Action;
use crate::store::runs::needs::is_absence;
use crate::store::runs::record::RunRecord;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A record, without all that only the stage's next run needs.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// What the stage is, such as `ingest`.
    pub kind: String,
    /// The pipeline that made it.
    pub pipeline: String,
    /// What that pipeline calls the stage.
    pub stage: Option<StageName>,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// The artifact of each output.
    pub outputs: BTreeMap<PortName, Digest>,
    /// The size of the record's file, in bytes.
    #[serde(skip)]
    pub(crate) bytes: u64,
    #[serde(skip)]
    pub(crate) status: FileStatus,
}

/// All records.
#[derive(Debug, Default)]
pub struct Records {
    /// Those that can be read.
    pub entries: BTreeMap<Key, Entry>,
    /// The sizes of the artifacts that they name, in bytes.
    pub sizes: BTreeMap<Digest, u64>,
    /// What is among the records and cannot be read as one, and why.
    pub unreadable: BTreeMap<PathBuf, String>,
}

/// When results were used.
#[derive(Debug, Default)]
pub struct Uses {
    /// The runs, in the order of their names, which is that of their age.
    pub(crate) runs: BTreeMap<RunId, RunUse>,
    links: BTreeMap<String, Links>,
    newest: BTreeMap<Key, u64>,
}

/// A run, without all that only people want to know.
#[derive(Clone, Debug)]
pub(crate) struct RunUse {
    pub(crate) pipeline: String,
    pub(crate) started: u64,
    pub(crate) keys: BTreeSet<Key>,
    pub(crate) status: FileStatus,
}

/// What the links of a pipeline point at.
#[derive(Debug)]
struct Links {
    used: u64,
    keys: BTreeSet<Key>,
    status: FileStatus,
}

impl Records {
    /// Reads the records of a store.
    pub fn of(store: &Store) -> Result<Self> {
        let mut records = Self::default();
        records.refresh(store)?;
        Ok(records)
    }

    /// Reads what is new or has changed, and forgets what is gone.
    pub(crate) fn refresh(&mut self, store: &Store) -> Result<()> {
        let mut before = std::mem::take(&mut self.entries);
        self.unreadable.clear();
        for path in store.names_in("actions")?.into_iter().filter(|path| !is_half_written(path)) {
            let Some(key) = key_of(&path) else {
                self.unreadable.insert(path, "its name is not that of a record".to_owned());
                continue;
            };
            let Some(status) = status(&store.disk, &path)? else { continue };
            match before.remove(&key).filter(|entry| entry.status == status) {
                Some(entry) => drop(self.entries.insert(key, entry)),
                None => self.read(store, key, path, status)?,
            }
        }
        Ok(())
    }

    /// The artifacts that records name.
    pub fn artifacts(&self) -> BTreeSet<Digest> {
        self.entries.values().flat_map(|entry| entry.outputs.values().copied()).collect()
    }

    /// The bytes of the artifacts of a result.
    pub fn bytes_of(&self, entry: &Entry) -> u64 {
        let artifacts: BTreeSet<&Digest> = entry.outputs.values().collect();
        saturating_sum(artifacts.iter().filter_map(|digest| self.sizes.get(digest)).copied())
    }

    fn read(&mut self, store: &Store, key: Key, path: PathBuf, status: FileStatus) -> Result<()> {
        let bytes = match store.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if is_absence(error.kind()) => return Ok(()),
            Err(error) => return Err(Error::io("reading", &path, error)),
        };
        match Action::decode(&bytes, key) {
            Err(why) => drop(self.unreadable.insert(path, why)),
            Ok(action) => {
                for artifact in action.outputs.values() {
                    self.sizes.insert(artifact.digest, artifact.bytes());
                }
                let entry = Entry {
                    key,
                    kind: action.manifest.stage,
                    pipeline: action.provenance.pipeline,
                    stage: action.provenance.stage,
                    made: action.provenance.started,
                    outputs: action.outputs.into_iter().map(|(port, artifact)| (port, artifact.digest)).collect(),
                    bytes: bytes.len() as u64,
                    status,
                };
                self.entries.insert(key, entry);
            }
        }
        Ok(())
    }
}

impl Uses {
    /// Reads the runs and links of a store.
    pub fn of(store: &Store) -> Result<Self> {
        let mut uses = Self::default();
        uses.refresh(store)?;
        Ok(uses)
    }

    /// Reads what is new or has changed, and forgets what is gone.
    pub(crate) fn refresh(&mut self, store: &Store) -> Result<()> {
        self.refresh_runs(store)?;
        self.refresh_links(store)?;
        self.newest.clear();
        let runs = self.runs.values().map(|run| (run.started, &run.keys));
        let links = self.links.values().map(|links| (links.used, &links.keys));
        for (used, keys) in runs.chain(links) {
            for key in keys {
                let newest = self.newest.entry(*key).or_default();
                *newest = used.max(*newest);
            }
        }
        Ok(())
    }

    /// When a result was used last, in seconds since 1970: made, named by a run, or linked in a pipeline that ran.
    pub fn last(&self, entry: &Entry) -> u64 {
        self.newest.get(&entry.key).copied().unwrap_or(0).max(entry.made)
    }

    /// The newest `count` runs of each pipeline.
    pub(crate) fn newest_runs(&self, count: usize) -> BTreeSet<&RunId> {
        let mut by_pipeline: BTreeMap<&str, Vec<&RunId>> = BTreeMap::new();
        for (run, used) in &self.runs {
            by_pipeline.entry(&used.pipeline).or_default().push(run);
        }
        by_pipeline.into_values().flat_map(|runs| runs.into_iter().rev().take(count)).collect()
    }

    /// The keys that the newest `count` runs of any pipeline used. What a pipeline's links point at, its newest used.
    pub(crate) fn keys_of_newest_runs(&self, count: usize) -> BTreeSet<Key> {
        let linked = self.links.values().filter(|_| count > 0).flat_map(|links| &links.keys);
        let of_runs = self.newest_runs(count).into_iter().flat_map(|run| &self.runs[run].keys);
        of_runs.chain(linked).copied().collect()
    }

    fn refresh_runs(&mut self, store: &Store) -> Result<()> {
        let mut before = std::mem::take(&mut self.runs);
        for folder in store.names_in("runs")? {
            let run = RunId::new(name_of(&folder));
            let path = folder.join("run.json");
            let Some(status) = status(&store.disk, &path)? else { continue };
            let known = before.remove(&run).filter(|used| used.status == status);
            let used = match known {
                Some(used) => Some(used),
                // One that cannot be read tells of no use.
                None => store.disk.read(&path).ok().and_then(|bytes| run_use(&bytes, status)),
            };
            self.runs.extend(used.map(|used| (run, used)));
        }
        Ok(())
    }

    fn refresh_links(&mut self, store: &Store) -> Result<()> {
        let mut before = std::mem::take(&mut self.links);
        for folder in store.pipeline_folders()? {
            let Some(status) = status(&store.disk, &folder)? else { continue };
            let name = name_of(&folder);
            let links = match before.remove(&name).filter(|links| links.status == status) {
                Some(links) => links,
                None => Links { used: status.modified(), keys: linked_keys(&store.disk, &folder)?, status },
            };
            self.links.insert(name, links);
        }
        Ok(())
    }
}

impl Store {
    /// The entries of one of the store's folders; nothing where there is no such folder.
    pub(crate) fn names_in(&self, folder: &str) -> Result<Vec<PathBuf>> {
        list(&self.disk, &self.root.join(folder))
    }

    /// The folders with the links of pipelines.
    pub(crate) fn pipeline_folders(&self) -> Result<Vec<PathBuf>> {
        let is_pipeline = |path: &PathBuf| path.is_dir() && !RESERVED.contains(&name_of(path).as_str());
        Ok(list(&self.disk, &self.root)?.into_iter().filter(is_pipeline).collect())
    }
}

/// The entries of a folder; nothing where there is no such folder.
pub(crate) fn list(disk: &Disk, folder: &Path) -> Result<Vec<PathBuf>> {
    match disk.list(folder) {
        Err(error) if is_absence(error.kind()) => Ok(Vec::new()),
        listed => listed.map_err(|error| Error::io("reading", folder, error)),
    }
}

/// The last part of a path.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a file was being written beside its place.
pub(crate) fn is_half_written(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') && name.ends_with(".new")
}

/// The bytes of a file, or of all files beneath a folder. What cannot be looked at counts nothing.
pub(crate) fn bytes_of(disk: &Disk, path: &Path) -> u64 {
    let Ok(found) = std::fs::symlink_metadata(path) else { return 0 };
    if !found.is_dir() {
        return if found.is_file() { found.len() } else { 0 };
    }
    saturating_sum(disk.list(path).unwrap_or_default().iter().map(|inner| bytes_of(disk, inner)))
}

/// The sum of sizes, some of which a record may have made up: at most the largest number.
pub(crate) fn saturating_sum(sizes: impl IntoIterator<Item = u64>) -> u64 {
    sizes.into_iter().fold(0, u64::saturating_add)
}

/// A file's status, if it is there.
pub(crate) fn status(disk: &Disk, path: &Path) -> Result<Option<FileStatus>> {
    match disk.look(path) {
        Ok(found) => Ok(Some(FileStatus::from_metadata(&found))),
        Err(error) if is_absence(error.kind()) => Ok(None),
        Err(error) => Err(Error::io("reading", path, error)),
    }
}

/// The key of which a file is the record, by its name.
pub(crate) fn key_of(record: &Path) -> Option<Key> {
    Key::parse(name_of(record).strip_suffix(".json")?)
}

fn run_use(bytes: &[u8], status: FileStatus) -> Option<RunUse> {
    let record: RunRecord = serde_json::from_slice(bytes).ok()?;
    let keys = record.stages.iter().filter_map(|stage| stage.key).collect();
    Some(RunUse { pipeline: record.pipeline, started: record.started, keys, status })
}

fn linked_keys(disk: &Disk, pipeline: &Path) -> Result<BTreeSet<Key>> {
    let stages = list(disk, pipeline)?;
    Ok(stages.iter().filter_map(|stage| key_of(&std::fs::read_link(stage.join("action.json")).ok()?)).collect())
}
