//! The store: every result by its content, every key with what it led to. Knows nothing of stages or pipelines.
//!
//! ```text
//! store/<digest>/        an artifact, read-only
//! actions/<key>.json     key → artifacts and provenance; the truth
//! index/                 derived, disposable
//! runs/<run>/            the record and logs of each run
//! tmp/                   where stages write; nothing there is needed when no run is alive
//! set-aside/             what was found damaged
//! checkpoints/<key>/     where a stopped stage goes on; needed until it succeeds
//! pins/<name>.json       keys that are never removed
//! lock                   held by whoever reads or adds results, and alone by whoever removes some
//! <pipeline>/<stage>/    links to the newest, for people
//! ```

mod action;
mod artifact;
mod commit;
mod export;
mod figures;
mod find_run;
mod gc;
mod link_into;
mod links;
mod needs;
mod pins;
mod rebuild;
mod removal;
mod retention;
mod runs;
mod scratch;
mod state;
mod survey;
mod verify;

pub use action::{Action, FORMAT, Provenance};
pub use artifact::Artifact;
pub use export::Exported;
pub use figures::{Amount, Figures};
pub use find_run::Outcome;
pub use gc::{GcOptions, Removal, RemovalKind};
pub(crate) use needs::NeedsList;
pub use needs::{Needed, Needs};
pub use pins::Pin;
pub use rebuild::Rebuilt;
pub use removal::Collected;
pub use runs::{RunRecord, StageRecord, new_run_id, now};
pub use scratch::Scratch;
pub use state::StageState;
pub use survey::{Entry, Records, Uses};
pub use verify::{Damage, Verification};

use crate::error::{Error, Result};
use crate::fs::{Disk, FileLock, durable};
use crate::inputs::{ExternalInputs, InputCache, SledIndex};
use crate::key::Digest;
use crate::key::Key;
use crate::key::RunId;
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
    Hit(Box<Action>),
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
        scratch::left_behind(&self.disk, &self.root.join("tmp"))
    }

    /// How many things were set aside: damaged records and artifacts, and indexes.
    pub fn set_aside_count(&self) -> usize {
        let count = |folder: &str, keep: fn(&str) -> bool| {
            let entries = std::fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
            entries.filter(|entry| keep(&entry.file_name().to_string_lossy())).count()
        };
        count("set-aside", |_| true) + count("index", |name| name.starts_with("sled.damaged-"))
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
        Ok(Lookup::Hit(Box::new(action)))
    }

    /// Moves a damaged record, and the artifact at fault, out of the way, so that they are made again and nothing is lost.
    /// What another stage has put right meanwhile stays.
    pub fn set_aside(&self, key: Key, artifact: Option<Digest>) -> Result<()> {
        if let Some(digest) = artifact {
            let repair = self.hold_repair(&digest)?;
            let home = self.artifact(&digest);
            let still = matches!(self.lookup(key)?, Lookup::Damaged { artifact: Some(now), .. } if now == digest);
            if still && home.exists() {
                self.move_aside(&home)?;
            }
            repair.remove(&self.disk);
        }
        let record = self.action_path(key);
        if record.exists() { self.move_aside(&record).map(drop) } else { Ok(()) }
    }

    /// The right to move a damaged artifact away: whoever had it before may have put the artifact right.
    fn hold_repair(&self, digest: &Digest) -> Result<FileLock> {
        FileLock::wait_alone(&self.disk, &self.root.join("tmp/locks").join(format!("{digest}.repair.lock")))
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

    /// Moves an artifact aside that somebody has written to, by its folder. Any other path is left alone.
    pub fn distrust(&self, folder: &Path) -> Result<()> {
        if folder.parent() == Some(&self.root.join("store")) { self.move_aside(folder).map(drop) } else { Ok(()) }
    }

    /// Gives the place where it is now.
    fn move_aside(&self, from: &Path) -> Result<PathBuf> {
        let folder = self.root.join("set-aside");
        durable::make_folder(&self.disk, &folder)?;
        let name = from.file_name().unwrap_or_default().to_string_lossy();
        let to = (0..)
            .map(|count| folder.join(format!("{name}.{count}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| folder.join(&*name));
        self.disk.rename(from, &to).map_err(|error| Error::io("writing", &to, error))?;
        // Its old name may be flushed away at any time, and then it must have the new one.
        durable::sync_folder(&self.disk, &folder)?;
        Ok(to)
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
