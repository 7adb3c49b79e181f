//! A remote: a backend that several machines share, and what this store does with it.

use crate::error::{Error, RemoteFault, Result};
use crate::key::{Digest, Key};
use crate::store::backend::Backend;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a backend must do beside, so that several machines can share it.
pub trait RemoteBackend: Backend {
    /// Where it is, without credentials.
    fn url(&self) -> String;

    /// Moves a damaged record to quarantine. Says whether it was there.
    ///
    /// # Errors
    /// When it cannot be moved.
    fn quarantine_record(&self, key: Key) -> Result<bool>;

    /// Moves an artifact that was found damaged to quarantine. Says whether it was still there.
    ///
    /// # Errors
    /// When it cannot be moved.
    fn quarantine_artifact(&self, digest: &Digest) -> Result<bool>;

    /// Removes an artifact that no record names, unless it was published, or taken for a result, within the grace period. Says
    /// whether it is gone. Whoever publishes an artifact that is there while it is removed finds it afterwards, or publishes it.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn collect_artifact(&self, digest: &Digest, grace: Duration) -> Result<bool>;

    /// Removes what pushes have left that did not come to their end, if nothing was added within the grace period.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn collect_uploads(&self, grace: Duration) -> Result<Amount>;

    /// What was asked of a server so far, where there is one.
    fn traffic(&self) -> Option<Traffic> {
        None
    }
}

/// A number of things and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    /// One more, with its bytes.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// Requests to a server and bytes of their bodies, without repetitions after failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// How many requests.
    pub requests: u64,
    /// Bytes that were sent.
    pub sent: u64,
    /// Bytes that arrived.
    pub received: u64,
}

/// What is done with a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Results are taken from it.
    Read,
    /// Results are given to it.
    Write,
    /// Both.
    ReadWrite,
}

/// A remote of a store.
#[derive(Debug)]
pub(crate) struct Remote {
    backend: Arc<dyn RemoteBackend>,
    access: Access,
    /// Until when it is left alone, after it could not be reached.
    paused: Mutex<Option<Instant>>,
    /// How many results came from it.
    pulled: AtomicU64,
    /// How many results it was given.
    pushed: AtomicU64,
}

/// For how long a remote is left alone that could not be reached: each try may take a minute.
const PAUSE: Duration = Duration::from_secs(60);

impl Remote {
    pub(crate) fn new(backend: Arc<dyn RemoteBackend>, access: Access) -> Self {
        let (pulled, pushed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { backend, access, paused: Mutex::new(None), pulled, pushed }
    }

    pub(crate) fn backend(&self) -> &dyn RemoteBackend {
        &*self.backend
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    pub(crate) fn reads(&self) -> bool {
        self.access != Access::Write
    }

    pub(crate) fn writes(&self) -> bool {
        self.access != Access::Read
    }

    /// Whether it answered the last time, or some time has passed since.
    pub(crate) fn is_usable(&self) -> bool {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.is_none_or(|until| Instant::now() >= until)
    }

    /// Says what failed, and leaves a remote that cannot be reached alone for a while.
    pub(crate) fn note_failure(&self, problem: &str, error: &Error) {
        if matches!(error, Error::Remote { fault: RemoteFault::Connection, .. }) {
            let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
            if paused.is_some_and(|until| Instant::now() < until) {
                return;
            }
            *paused = Some(Instant::now() + PAUSE);
            tracing::warn!(
                "{error}; this run goes on without it for a minute; `pipe cache push` sends what it then lacks"
            );
            return;
        }
        tracing::warn!("{problem}: {error}");
    }

    pub(crate) fn note_pulled(&self) {
        self.pulled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_pushed(&self) {
        self.pushed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many results came from it, and how many it was given.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.pulled.load(Ordering::Relaxed), self.pushed.load(Ordering::Relaxed))
    }
}
