//! Storage backends: where records and artifacts are kept. The store knows only what is written here.
//!
//! The store's own folder is the backend [`local::Local`]. A store may have a second, remote one, which it reads when the
//! first has no result of a key, and to which it publishes what it has committed.

pub(crate) mod client;
pub(crate) mod copy;
pub(crate) mod folder;
pub(crate) mod lease;
pub(crate) mod local;
pub(crate) mod object_storage;
pub(crate) mod remote;
#[cfg(test)]
mod suite;

use crate::error::Result;
use crate::key::{Digest, Key};
use crate::store::results::artifact::Artifact;
use lease::Lease;
use std::fmt;
use std::path::Path;
use std::time::SystemTime;

/// A place that keeps records by key and artifacts by digest.
///
/// Other processes, and for a remote backend other machines, read and write it at the same time. Whatever a method publishes
/// appears whole or not at all. A backend checks nothing that it gives: whoever reads compares digests.
pub trait Backend: fmt::Debug + Send + Sync {
    /// The bytes of a key's record, as they were published; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn read_record(&self, key: Key) -> Result<Option<Vec<u8>>>;

    /// Publishes the record of a key, whose artifacts are there.
    ///
    /// # Errors
    /// When it is not sure that it is there and survives a loss of power.
    fn publish_record(&self, key: Key, bytes: &[u8], mode: PutMode) -> Result<Published>;

    /// Removes the record of a key. Says whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn delete_record(&self, key: Key) -> Result<bool>;

    /// The keys that have a record.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn list_records(&self) -> Result<Vec<Listed<Key>>>;

    /// Whether an artifact was published.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn has_artifact(&self, digest: &Digest) -> Result<bool>;

    /// Copies an artifact to a folder, which is made. Says whether there is one.
    ///
    /// # Errors
    /// When a part of it cannot be read, or the folder cannot be written.
    fn read_artifact(&self, artifact: &Artifact, to: &Path) -> Result<bool>;

    /// Publishes an artifact from a sealed folder. One that is there already is kept.
    ///
    /// # Errors
    /// When it is not sure that it is there and survives a loss of power, or the folder does not have what it should.
    fn publish_artifact(&self, artifact: &Artifact, from: &Path, transfer: Transfer) -> Result<Published>;

    /// Removes an artifact. Says whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn delete_artifact(&self, digest: &Digest) -> Result<bool>;

    /// The artifacts that were published.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn list_artifacts(&self) -> Result<Vec<Listed<Digest>>>;

    /// Takes the lease of a key, which only one process has at a time; `None` when another has it. It ends when it is
    /// dropped, and some time after its holder has died.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn lease(&self, key: Key) -> Result<Option<Lease>>;
}

/// What happens to a record that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// It is kept.
    Create,
    /// It is replaced in one step.
    Overwrite,
}

/// What came of publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// What was given is there now.
    New,
    /// Something was there already, and was kept.
    Present,
}

/// Whether the folder of an artifact that is published stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// It stays, and is only read.
    Copy,
    /// The caller needs it no more, so a backend on the same disk may move it.
    Move,
}

/// A published record or artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed<N> {
    /// Its key or digest.
    pub name: N,
    /// When it was published, for a grace period before it may be removed.
    pub modified: SystemTime,
}
