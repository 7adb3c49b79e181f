//! The store: every result by its content, every key with what it led to. Knows nothing of stages or pipelines.
//!
//! ```text
//! store/<digest>/        an artifact, read-only
//! actions/<key>.json     key → artifacts and provenance; the truth
//! index/                 derived, disposable
//! runs/<run>/            the record and logs of each run
//! tmp/                   where stages write; nothing there is needed when no run is alive
//! quarantine/            what was found damaged
//! checkpoints/<key>/     where a stopped stage goes on; needed until it succeeds
//! pins/<name>.json       keys that are never removed
//! lock                   held by whoever reads or adds results, and alone by whoever removes some
//! <pipeline>/<stage>/    links to the newest, for people
//! ```

mod gc;
mod repair;
mod results;
mod runs;
mod survey;

pub use gc::choose::{GcOptions, Removal, RemovalKind};
pub use gc::pins::Pin;
pub use gc::remove::Collected;
pub use repair::rebuild_index::Rebuilt;
pub use repair::verify::{Damage, Verification};
pub use results::action::{Action, FORMAT, Provenance};
pub use results::artifact::Artifact;
pub use results::export::Exported;
pub use runs::find::Outcome;
pub(crate) use runs::needs::NeedsList;
pub use runs::needs::{Needed, Needs};
pub use runs::record::{RunRecord, StageRecord, new_run_id, now};
pub use runs::scratch::Scratch;
pub use runs::state::StageState;
pub use survey::entries::{Entry, Records, Uses};
pub use survey::stats::{Amount, StoreStats};

use crate::error::{Error, Result};
use crate::fs::{Disk, FileLock, durable};
use crate::inputs::{ExternalInputs, InputCache, SledIndex};
use crate::key::{Digest, Key, RunId};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A store, in its folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    disk: Disk,
}

/// What the store has for a key.
#[derive(Debug)]
pub enum Lookup {
    /// The result, all of whose artifacts are there with the right sizes.
    Cached(Box<Action>),
    /// Nothing.
    Miss,
    /// Something that cannot be used, and why.
    Damaged {
        /// What is wrong.
        why: String,
        /// The artifact that is at fault, where it is not the record itself.
        artifact: Option<Digest>,
    },
}

impl Store {
    /// The store in that folder, which need not exist yet.
    pub fn new(root: PathBuf) -> Self {
        Self::on(root, Disk::default())
    }

    /// The store in that folder on that disk.
    pub fn on(root: PathBuf, disk: Disk) -> Self {
        Self { root, disk }
    }

    /// Makes the store's folders, which shows whether it can be written.
    pub fn prepare(&self) -> Result<()> {
        for folder in ["store", "actions", "index", "runs", "tmp", "tmp/locks"] {
            durable::make_folder(&self.disk, &self.root.join(folder)).map_err(|error| match error {
                // A file stands where a folder belongs.
                Error::Io { source, .. }
                    if matches!(
                        source.kind(),
                        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::AlreadyExists
                    ) =>
                {
                    Error::StoreNotWritable { path: self.root.clone(), source }
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of an artifact.
    pub fn artifact(&self, digest: &Digest) -> PathBuf {
        self.root.join("store").join(digest.to_string())
    }

    /// The folder of a run.
    pub fn run_folder(&self, run: &RunId) -> PathBuf {
        self.root.join("runs").join(run.as_str())
    }

    /// The folder where stages of a run write.
    pub fn scratch(&self, run: &RunId) -> Result<Scratch> {
        Scratch::create(&self.disk, &self.root.join("tmp"), run)
    }

    /// How many folders of runs that are no longer alive are left in `tmp`.
    pub fn left_behind(&self) -> usize {
        runs::scratch::left_behind(&self.disk, &self.root.join("tmp"))
    }

    /// The index.
    pub fn index(&self) -> SledIndex {
        SledIndex::new(self.root.join("index/sled"))
    }

    /// The digests of a pipeline's external inputs, as far as they are known.
    pub fn external_inputs(&self, pipeline: &str) -> ExternalInputs {
        ExternalInputs::new(InputCache::open(self.root.join("index"), pipeline, Box::new(self.index())))
    }

    /// Where derived notes of a name are kept, beside the index.
    pub fn note(&self, name: &str) -> PathBuf {
        self.root.join("index").join(name)
    }

    /// Writes a derived note.
    pub fn write_note(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        durable::make_folder(&self.disk, &self.root.join("index"))?;
        durable::replace(&self.disk, path, bytes)
    }

    /// Takes the lease of a key, which only one process may hold. `None` when another has it.
    pub fn lease(&self, key: Key) -> Result<Option<FileLock>> {
        FileLock::try_take(&self.disk, &self.root.join("tmp/locks").join(format!("{key}.lock")))
    }

    /// Looks a key up. Changes nothing.
    pub fn lookup(&self, key: Key) -> Result<Lookup> {
        let path = self.action_path(key);
        let bytes = match self.disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lookup::Miss),
            Err(error) if error.kind() == ErrorKind::IsADirectory => {
                return Ok(Lookup::Damaged { why: format!("{} is a folder", path.display()), artifact: None });
            }
            Err(error) => return Err(Error::io("reading", &path, error)),
        };
        let action = match Action::decode(&bytes, key) {
            Ok(action) => action,
            Err(why) => return Ok(Lookup::Damaged { why: format!("{}: {why}", path.display()), artifact: None }),
        };
        for artifact in action.outputs.values() {
            if let Some(why) = artifact.fault_in(&self.disk, &self.artifact(&artifact.digest))? {
                return Ok(Lookup::Damaged { why, artifact: Some(artifact.digest) });
            }
        }
        Ok(Lookup::Cached(Box::new(action)))
    }

    /// Whether somebody holds the lease of a key.
    pub fn is_leased(&self, key: Key) -> bool {
        let lock = self.root.join("tmp/locks").join(format!("{key}.lock"));
        lock.exists() && matches!(FileLock::try_take(&self.disk, &lock), Ok(None))
    }

    /// Gives a lease back.
    pub fn release(&self, lease: FileLock) {
        lease.remove(&self.disk);
    }

    /// The folder in which a stage of that key may leave what its next attempt needs, made if it is not there.
    pub fn checkpoint(&self, key: Key) -> Result<PathBuf> {
        let folder = self.root.join("checkpoints").join(key.to_string());
        durable::make_folder(&self.disk, &folder)?;
        Ok(folder)
    }

    /// The folder of an attempt at that key that goes on when its runner dies. It is made by whoever needs it.
    pub fn job_folder(&self, key: Key) -> PathBuf {
        self.root.join("tmp/jobs").join(key.to_string())
    }

    /// Removes the checkpoint of a key that has a result now. What cannot be removed does no harm.
    pub fn forget_checkpoint(&self, key: Key) {
        drop(self.disk.remove_folder(&self.root.join("checkpoints").join(key.to_string())));
    }

    /// The records of all keys, in no order. What cannot be read is left out.
    pub(crate) fn actions(&self) -> impl Iterator<Item = Action> {
        let paths = self.disk.list(&self.root.join("actions")).unwrap_or_default();
        paths.into_iter().filter_map(|path| {
            let key = Key::parse(path.file_stem()?.to_str()?)?;
            Action::decode(&self.disk.read(&path).ok()?, key).ok()
        })
    }

    /// The record of a key, whether or not its artifacts are still there.
    pub(crate) fn action(&self, key: Key) -> Option<Action> {
        Action::decode(&self.disk.read(&self.action_path(key)).ok()?, key).ok()
    }

    fn action_path(&self, key: Key) -> PathBuf {
        self.root.join("actions").join(format!("{key}.json"))
    }
}
