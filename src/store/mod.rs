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

mod backend;
mod gc;
mod repair;
mod results;
mod runs;
mod survey;
mod watch;

pub use backend::folder::Folder;
pub use backend::lease::Lease;
pub use backend::object_storage::ObjectStorage;
pub use backend::remote::{Access, Amount, RemoteBackend, Traffic};
pub use backend::{Backend, Listed, Published, PutMode, Transfer};
pub use gc::choose::{GcOptions, Removal, RemovalKind};
pub use gc::pins::Pin;
pub use gc::remote::{RemoteCollected, RemoteGcOptions};
pub use gc::remove::Collected;
pub use repair::rebuild_index::Rebuilt;
pub use repair::verify::{Damage, Verification};
pub use results::action::{Action, FORMAT, Provenance};
pub use results::artifact::Artifact;
pub use results::export::Exported;
pub use results::transfer::{RemoteStatus, Transferred};
pub use runs::find::Outcome;
pub(crate) use runs::needs::NeedsList;
pub use runs::needs::{Needed, Needs};
pub use runs::progress::StageProgress;
pub use runs::record::{RunLabel, RunRecord, StageRecord, new_run_id, now};
pub use runs::scratch::Scratch;
pub use runs::state::StageState;
pub use survey::entries::{Entry, Records, Uses};
pub use survey::stats::StoreStats;
pub use watch::{Unit, Watch};

use crate::error::{Error, Result};
use crate::fs::{Disk, FileLock, durable};
use crate::inputs::{ExternalInputs, InputCache, SledIndex};
use crate::key::{Digest, Key, RunId};
use backend::local::Local;
use backend::remote::Remote;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store, in its folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    disk: Disk,
    remote: Option<Arc<Remote>>,
    watch: Option<Arc<dyn Watch>>,
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
        Self { root, disk, remote: None, watch: None }
    }

    /// This store with a remote, from which it takes results that it has not, and to which it gives those that it commits.
    pub fn with_remote(self, remote: Arc<dyn RemoteBackend>, access: Access) -> Self {
        Self { remote: Some(Arc::new(Remote::new(remote, access))), ..self }
    }

    /// This store without its remote.
    pub fn without_remote(self) -> Self {
        Self { remote: None, ..self }
    }

    /// The remote.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.as_deref()
    }

    /// This store, which reports how far long looks through it are.
    pub fn watched(self, watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Reports that so much is to be done.
    fn begins(&self, total: u64, unit: Unit) {
        self.watch.iter().for_each(|watch| watch.begin(total, unit));
    }

    /// Reports that so much more is done.
    fn steps(&self, amount: u64) {
        self.watch.iter().for_each(|watch| watch.step(amount));
    }

    /// This store's own folder.
    fn local(&self) -> Local<'_> {
        Local::new(&self.root, &self.disk)
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
        self.local().artifact_path(digest)
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
    pub fn lease(&self, key: Key) -> Result<Option<Lease>> {
        let Some(local) = self.local().lease(key)? else { return Ok(None) };
        // Who only reads or only writes does not take results of runs that go on elsewhere.
        let remote = self.remote().filter(|remote| remote.access() == Access::ReadWrite && remote.is_usable());
        let Some(remote) = remote else { return Ok(Some(local)) };
        match remote.backend().lease(key) {
            Ok(lease) => Ok(lease.map(|lease| local.with(lease))),
            Err(error) => {
                remote.note_failure("it gives no leases, so another machine may make the same", &error);
                Ok(Some(local))
            }
        }
    }

    /// Looks a key up, first here and then in the remote. What the remote has is here afterwards; else nothing changes.
    pub fn lookup(&self, key: Key) -> Result<Lookup> {
        match (self.lookup_here(key)?, self.remote()) {
            (Lookup::Miss, Some(remote)) => self.pull(remote, key),
            (found, _) => Ok(found),
        }
    }

    /// Looks a key up in this store alone. Changes nothing.
    pub(crate) fn lookup_here(&self, key: Key) -> Result<Lookup> {
        let path = self.action_path(key);
        let bytes = match self.local().read_record(key) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Lookup::Miss),
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::IsADirectory => {
                return Ok(Lookup::Damaged { why: format!("{} is a folder", path.display()), artifact: None });
            }
            Err(error) => return Err(error),
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
        let lock = self.local().lock_path(&key.to_string());
        lock.exists() && matches!(FileLock::try_take(&self.disk, &lock), Ok(None))
    }

    /// The folder in which a stage of that key may leave what its next attempt needs, made if it is not there.
    pub fn checkpoint(&self, key: Key) -> Result<PathBuf> {
        let folder = self.root.join("checkpoints").join(key.to_string());
        durable::make_folder(&self.disk, &folder)?;
        Ok(folder)
    }

    /// Whether an attempt at that key left a checkpoint.
    pub fn has_checkpoint(&self, key: Key) -> bool {
        let folder = self.root.join("checkpoints").join(key.to_string());
        std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
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
        self.local().record_path(key)
    }
}
