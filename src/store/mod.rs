//! The store: every result by its content, every key with what it led to. Knows nothing of stages or pipelines.
//!
//! ```text
//! store/<digest>/        an artifact, read-only
//! actions/<key>.json     key → artifacts and provenance; the truth
//! index/                 derived, disposable
//! runs/<run>/            the record and logs of each run
//! tmp/                   where stages write; nothing there is needed when no run is alive
//! set-aside/             what was found damaged
//! <pipeline>/<stage>/    links to the newest, for people
//! ```

mod action;
mod artifact;
mod commit;
mod durable;
mod index;
mod links;
mod lock;
mod outside;
mod scratch;

pub use action::{Action, FORMAT, Provenance};
pub use artifact::{Artifact, hash_file as file_digest};
pub use index::{Index, IndexState, SledIndex};
pub use lock::FileLock;
pub use outside::{OutsideFiles, Status};
pub use scratch::Scratch;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::names::RunId;
use crate::plan::Key;
use fs_err as fs;
use std::path::{Path, PathBuf};

/// A store, in its folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
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
        Self { root }
    }

    /// Makes the store's folders, which shows whether it can be written.
    pub fn prepare(&self) -> Result<()> {
        for folder in ["store", "actions", "index", "runs", "tmp", "tmp/locks"] {
            let folder = self.root.join(folder);
            if !folder.is_dir() {
                fs::create_dir_all(&folder).map_err(|error| Error::StoreNotWritable {
                    path: self.root.clone(),
                    source: std::io::Error::from(error.kind()),
                })?;
            }
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
        Scratch::create(&self.root.join("tmp"), run)
    }

    /// How many folders of runs that are no longer alive are left in `tmp`.
    pub fn left_behind(&self) -> usize {
        scratch::left_behind(&self.root.join("tmp"))
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

    /// Where derived notes of a name are kept, beside the index.
    pub fn note(&self, name: &str) -> PathBuf {
        self.root.join("index").join(name)
    }

    /// Writes a derived note.
    pub fn write_note(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        durable::make_folder(&self.root.join("index"))?;
        durable::replace(path, bytes)
    }

    /// Takes the lease of a key, which only one process may hold. `None` when another has it.
    pub fn lease(&self, key: Key) -> Result<Option<FileLock>> {
        FileLock::try_take(&self.root.join("tmp/locks").join(format!("{key}.lock")))
    }

    /// Looks a key up. Changes nothing.
    pub fn lookup(&self, key: Key) -> Result<Lookup> {
        let path = self.action_path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lookup::Miss),
            Err(error) => return Err(Error::io("reading", &path, error)),
        };
        let action = match Action::decode(&bytes, key) {
            Ok(action) => action,
            Err(why) => return Ok(Lookup::Damaged { why: format!("{}: {why}", path.display()), artifact: None }),
        };
        for artifact in action.outputs.values() {
            if let Some(why) = artifact.fault_in(&self.artifact(&artifact.digest)) {
                return Ok(Lookup::Damaged { why, artifact: Some(artifact.digest) });
            }
        }
        Ok(Lookup::Hit(Box::new(action)))
    }

    /// Moves a damaged record, and the artifact at fault, out of the way, so that they are made again and nothing is lost.
    pub fn set_aside(&self, key: Key, artifact: Option<Digest>) -> Result<()> {
        let folder = self.root.join("set-aside");
        durable::make_folder(&folder)?;
        let mut moves = vec![self.action_path(key)];
        moves.extend(artifact.map(|digest| self.artifact(&digest)));
        for from in moves.into_iter().filter(|path| path.exists()) {
            let name = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let to = (0..)
                .map(|count| folder.join(format!("{name}.{count}")))
                .find(|path| !path.exists())
                .unwrap_or_else(|| folder.join(&name));
            fs::rename(&from, &to).map_err(|error| Error::io("writing", &to, error))?;
        }
        Ok(())
    }

    fn action_path(&self, key: Key) -> PathBuf {
        self.root.join("actions").join(format!("{key}.json"))
    }
}
