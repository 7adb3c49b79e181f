//! The objects beneath a prefix: get, put, list and delete, with a bounded number of repetitions.

use crate::failure::{failure, is_transient};
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion,
};
use remote_protocol::{Failure, Traffic};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often a request is repeated by this program, beside the repetitions of the client for answers of class 5xx.
const ATTEMPTS: u32 = 5;

/// The objects beneath a prefix.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    traffic: Cell<Traffic>,
}

/// An object with what tells its versions apart.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Version,
    pub(crate) age: Duration,
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    e_tag: Option<String>,
    version: Option<String>,
}

impl Bucket {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix, traffic: Cell::default() }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    fn count(&self, sent: usize, received: usize) {
        let Traffic { requests, sent: before, received: arrived } = self.traffic.get();
        let (sent, received) = (before + sent as u64, arrived + received as u64);
        self.traffic.set(Traffic { requests: requests + 1, sent, received });
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.prefix.parts().chain(Path::from(name).parts()))
    }

    /// Asks again while the answer may be another a moment later. What is asked may be asked twice.
    async fn repeated<T>(&self, ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match ask().await {
                Err(error) if attempt < ATTEMPTS && is_transient(&error) => pause(attempt).await,
                answer => return answer,
            }
        }
    }

    /// An object, whole. An answer that ends early is asked for again.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Object>, Failure> {
        let path = self.path(name);
        match self.repeated(async || self.get_once(&path).await).await {
            Ok(object) => Ok(Some(object)),
            Err(Error::NotFound { source, .. }) => absent(&source.to_string()),
            Err(error) => Err(failure(&error)),
        }
    }

    async fn get_once(&self, path: &Path) -> Result<Object, Error> {
        let found = self.store.get_opts(path, GetOptions::default()).await;
        self.count(0, 0);
        let found = found?;
        let (version, age) = (version_of(&found.meta), age_of(&found.meta));
        let bytes = found.bytes().await?.to_vec();
        let Traffic { requests, sent, received } = self.traffic.get();
        self.traffic.set(Traffic { requests, sent, received: received + bytes.len() as u64 });
        Ok(Object { bytes, version, age })
    }

    /// What is known of an object: its version and its age.
    pub(crate) async fn head(&self, name: &str) -> Result<Option<(Version, Duration)>, Failure> {
        self.count(0, 0);
        let path = self.path(name);
        match self.repeated(async || self.store.head(&path).await).await {
            Ok(meta) => Ok(Some((version_of(&meta), age_of(&meta)))),
            Err(Error::NotFound { source, .. }) => absent(&source.to_string()),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Puts an object in place, whatever is there.
    pub(crate) async fn put(&self, name: &str, bytes: impl Into<PutPayload>) -> Result<Version, Failure> {
        let (path, payload) = (self.path(name), bytes.into());
        self.count(payload.content_length(), 0);
        let put = self.repeated(async || self.store.put(&path, payload.clone()).await).await;
        put.map(|put| Version { e_tag: put.e_tag, version: put.version }).map_err(|error| failure(&error))
    }

    /// Puts an object where there is none. `None` where there is one, unless it is this very one.
    ///
    /// After a lost answer nobody knows whether the object is there, so it is read back. `bytes` must be unlike those of every
    /// other writer, so that equal bytes are one's own.
    pub(crate) async fn create(&self, name: &str, bytes: &[u8]) -> Result<Option<Version>, Failure> {
        self.put_if(name, bytes, &PutMode::Create).await
    }

    /// Puts an object in the place of that version of it, and of no other.
    pub(crate) async fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        version: &Version,
    ) -> Result<Option<Version>, Failure> {
        let Version { e_tag, version } = version.clone();
        self.put_if(name, bytes, &PutMode::Update(UpdateVersion { e_tag, version })).await
    }

    async fn put_if(&self, name: &str, bytes: &[u8], mode: &PutMode) -> Result<Option<Version>, Failure> {
        let path = self.path(name);
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.count(bytes.len(), 0);
            let put = self.store.put_opts(&path, bytes.to_vec().into(), mode.clone().into()).await;
            let error = match put {
                Ok(put) => return Ok(Some(Version { e_tag: put.e_tag, version: put.version })),
                Err(error) => error,
            };
            let is_taken = matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. });
            if !is_taken && !is_transient(&error) {
                return Err(failure(&error));
            }
            // The first attempt cannot have met itself.
            if is_taken && attempt == 1 {
                return Ok(None);
            }
            match self.get(name).await? {
                Some(found) if found.bytes == bytes => return Ok(Some(found.version)),
                Some(_) if is_taken || matches!(mode, PutMode::Create) => return Ok(None),
                _ if attempt < ATTEMPTS => pause(attempt).await,
                _ => return Err(failure(&error)),
            }
        }
    }

    /// Removes an object. Says whether there was one.
    pub(crate) async fn delete(&self, name: &str) -> Result<bool, Failure> {
        // Servers say of what is not there that it is removed.
        if self.head(name).await?.is_none() {
            return Ok(false);
        }
        self.remove(name).await.map(|()| true)
    }

    /// Removes an object, if it is there.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Failure> {
        self.count(0, 0);
        let path = self.path(name);
        match self.repeated(async || self.store.delete(&path).await).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Copies an object within the storage.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        self.count(0, 0);
        let (from, to) = (self.path(from), self.path(to));
        match self.repeated(async || self.store.copy(&from, &to).await).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    /// The objects in a folder: the rest of the name, the bytes and the age.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<(String, u64, Duration)>, Failure> {
        let metas = self.metas(folder).await?;
        Ok(metas.into_iter().map(|(name, meta)| (name, meta.size, age_of(&meta))).collect())
    }

    /// The objects of a folder that end in `.json`: the name without it, and when they were published.
    pub(crate) async fn list_json(&self, folder: &str) -> Result<Vec<(String, u64)>, Failure> {
        let published = |meta: &ObjectMeta| u64::try_from(meta.last_modified.timestamp()).unwrap_or(0);
        let metas = self.metas(folder).await?;
        Ok(metas
            .into_iter()
            .filter_map(|(name, meta)| Some((name.strip_suffix(".json")?.to_owned(), published(&meta))))
            .collect())
    }

    async fn metas(&self, folder: &str) -> Result<Vec<(String, ObjectMeta)>, Failure> {
        let folder = self.path(folder);
        self.count(0, 0);
        let listed: Result<Vec<ObjectMeta>, Error> =
            self.repeated(async || self.store.list(Some(&folder)).try_collect().await).await;
        let listed = listed.map_err(|error| failure(&error))?;
        let beneath = |meta: ObjectMeta| {
            let name = meta.location.prefix_match(&folder)?.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>();
            Some((name.join("/"), meta))
        };
        Ok(listed.into_iter().filter_map(beneath).collect())
    }
}

/// Nothing is there; but where the whole bucket is not there, that is a failure.
fn absent<T>(message: &str) -> Result<Option<T>, Failure> {
    crate::failure::no_bucket(message).map_or(Ok(None), Err)
}

fn version_of(meta: &ObjectMeta) -> Version {
    Version { e_tag: meta.e_tag.clone(), version: meta.version.clone() }
}

fn age_of(meta: &ObjectMeta) -> Duration {
    SystemTime::now().duration_since(meta.last_modified.into()).unwrap_or_default()
}

async fn pause(attempt: u32) {
    let longest = Duration::from_secs(1);
    tokio::time::sleep(longest.min(Duration::from_millis(100) * 2_u32.pow(attempt))).await;
}
