//! Artifacts: segments first, then the manifest that names them, which only one writer can publish.

use crate::bucket::{Bucket, Object};
use crate::files::{self, Reader, segments};
use crate::records::now;
use remote_protocol::{Contents, Failure, FailureKind};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;

/// How many segments are under way at a time: 128 MiB of memory.
const AT_ONCE: usize = 8;

/// A manifest or segment that is older is not built upon without a sign for whoever collects.
const FRESH: Duration = Duration::from_secs(12 * 3600);

const DAY: u64 = 24 * 3600;

/// What an artifact's object says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The version of this form.
    pub(crate) format: u32,
    /// The folder of its segments.
    pub(crate) upload: String,
    /// Who published it, unlike all others.
    pub(crate) nonce: String,
    /// The bytes of all files.
    pub(crate) bytes: u64,
    /// The BLAKE3 digest of each segment.
    pub(crate) segments: Vec<String>,
}

/// Reads and publishes artifacts.
pub(crate) struct Artifacts {
    writer: String,
    slots: Semaphore,
    /// The manifests that were found damaged, or whose segments were.
    damaged: RefCell<BTreeMap<String, Vec<u8>>>,
}

/// The object of a manifest.
pub(crate) fn name(digest: &str) -> String {
    format!("artifacts/{digest}.json")
}

/// The object of a segment.
pub(crate) fn segment_name(digest: &str, upload: &str, number: u64) -> String {
    format!("segments/{digest}/{upload}/{number:06}")
}

/// When a writer last took an old artifact for its own result.
pub(crate) fn use_name(digest: &str) -> String {
    format!("uses/{digest}")
}

impl Artifacts {
    pub(crate) fn new(writer: &str) -> Self {
        Self { writer: writer.to_owned(), slots: Semaphore::new(AT_ONCE), damaged: RefCell::default() }
    }

    pub(crate) async fn manifest(&self, bucket: &Bucket, digest: &str) -> Result<Option<Object>, Failure> {
        bucket.get(&name(digest)).await
    }

    /// Copies an artifact to a folder. Says whether there is one.
    pub(crate) async fn read(&self, bucket: &Bucket, contents: Contents, to: &Path) -> Result<bool, Failure> {
        let digest = contents.digest.clone();
        let Some(object) = self.manifest(bucket, &digest).await? else { return Ok(false) };
        let read = self.read_segments(bucket, contents, to, &object.bytes).await;
        if read.as_ref().is_err_and(|failure| failure.kind == FailureKind::Damaged) {
            self.damaged.borrow_mut().insert(digest, object.bytes);
        }
        read.map(|()| true)
    }

    async fn read_segments(
        &self,
        bucket: &Bucket,
        contents: Contents,
        to: &Path,
        manifest: &[u8],
    ) -> Result<(), Failure> {
        let manifest: Manifest = serde_json::from_slice(manifest)
            .map_err(|error| damaged(&format!("its manifest cannot be read: {error}")))?;
        if manifest.bytes != contents.bytes() || manifest.segments.len() as u64 != segments(manifest.bytes) {
            return Err(damaged("its manifest has other sizes than the record"));
        }
        files::make(&contents, to)?;
        let contents = Arc::new(contents);
        let all = manifest.segments.iter().enumerate().map(async |(number, digest)| {
            let number = number as u64;
            let _slot = self.slots.acquire().await;
            let name = segment_name(&contents.digest, &manifest.upload, number);
            let bytes = segment(bucket, &name, digest).await?;
            let (contents, to) = (Arc::clone(&contents), to.to_owned());
            blocking(move || files::write(&contents, &to, number, &bytes)).await
        });
        futures_util::future::try_join_all(all).await.map(drop)
    }

    /// Publishes an artifact. Says whether it is new.
    pub(crate) async fn publish(&self, bucket: &Bucket, contents: Contents, from: &Path) -> Result<bool, Failure> {
        let digest = contents.digest.clone();
        if self.is_kept(bucket, &digest).await? {
            return Ok(false);
        }
        // Whoever collects removes only uploads of days before, so that it never meets one that begins again.
        let upload = upload(&self.writer, now() / DAY);
        let there = self.uploaded(bucket, &contents, &upload).await?;
        let (bytes, count) = (contents.bytes(), segments(contents.bytes()));
        let reader = Arc::new(Mutex::new(Reader::new(contents, from)));
        let all = (0..count).map(async |_| {
            let _slot = self.slots.acquire().await;
            let mut reader = Arc::clone(&reader).lock_owned().await;
            let (number, segment, digest_of_it) = blocking(move || {
                let number = reader.number();
                let segment = reader.next()?.unwrap_or_default();
                let digest = blake3::hash(&segment).to_string();
                Ok((number, segment, digest))
            })
            .await?;
            if !there.contains(&(number, segment.len() as u64)) {
                bucket.put(&segment_name(&digest, &upload, number), segment).await?;
            }
            Ok((number, digest_of_it))
        });
        let mut digests: Vec<(u64, String)> = futures_util::future::try_join_all(all).await?;
        digests.sort();
        let segments = digests.into_iter().map(|(_, digest)| digest).collect();
        let nonce = blake3::hash(format!("{}{:?}", self.writer, std::time::Instant::now()).as_bytes()).to_string();
        let manifest = Manifest { format: 1, upload, nonce, bytes, segments };
        let text = serde_json::to_vec(&manifest).map_err(|error| damaged(&error.to_string()))?;
        // What another writer has published stays, and these segments are collected some day.
        Ok(bucket.create(&name(&digest), &text).await?.is_some())
    }

    /// Whether an artifact is there and stays for as long as the publishing of a record takes.
    async fn is_kept(&self, bucket: &Bucket, digest: &str) -> Result<bool, Failure> {
        match bucket.head(&name(digest)).await? {
            None => Ok(false),
            Some((_, age)) if age < FRESH => Ok(true),
            Some(_) => {
                // First the sign, then the look. Whoever collects removes the manifest first and looks for a sign then, so
                // that at least one of the two sees the other.
                bucket.put(&use_name(digest), Vec::new()).await?;
                Ok(bucket.head(&name(digest)).await?.is_some())
            }
        }
    }

    /// The segments that an upload of this writer has left that did not come to its end.
    async fn uploaded(
        &self,
        bucket: &Bucket,
        contents: &Contents,
        upload: &str,
    ) -> Result<BTreeSet<(u64, u64)>, Failure> {
        if segments(contents.bytes()) == 1 {
            return Ok(BTreeSet::new());
        }
        let listed = bucket.list(&format!("segments/{}/{upload}", contents.digest)).await?;
        let fresh = listed.into_iter().filter(|(_, _, age)| *age < FRESH);
        Ok(fresh.filter_map(|(number, size, _)| Some((number.parse().ok()?, size))).collect())
    }

    /// Moves the artifact that was found damaged to quarantine. Says whether it was still there.
    pub(crate) async fn quarantine(&self, bucket: &Bucket, digest: &str) -> Result<bool, Failure> {
        let known = self.damaged.borrow_mut().remove(digest);
        let Some(now_there) = self.manifest(bucket, digest).await? else { return Ok(false) };
        // Another machine may have moved it away and published it anew.
        if known.is_some_and(|known| known != now_there.bytes) {
            return Ok(false);
        }
        let place = format!("quarantine/artifacts/{digest}.{}", now());
        bucket.put(&format!("{place}.json"), now_there.bytes.clone()).await?;
        bucket.remove(&name(digest)).await?;
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&now_there.bytes) else { return Ok(true) };
        for number in 0..manifest.segments.len() as u64 {
            let segment = segment_name(digest, &manifest.upload, number);
            bucket.copy(&segment, &format!("{place}/{number:06}")).await?;
            bucket.remove(&segment).await?;
        }
        Ok(true)
    }
}

/// A segment with its right content; what arrives damaged is asked for once more.
async fn segment(bucket: &Bucket, name: &str, digest: &str) -> Result<Vec<u8>, Failure> {
    for _ in 0..2 {
        match bucket.get(name).await? {
            None => return Err(damaged("a segment of it is not there")),
            Some(object) if blake3::hash(&object.bytes).to_string() == digest => return Ok(object.bytes),
            Some(_) => {}
        }
    }
    Err(damaged("a segment of it has other content than was published"))
}

/// The name of a writer's uploads of one day.
fn upload(writer: &str, day: u64) -> String {
    blake3::hash(format!("{writer}\n{day}").as_bytes()).to_hex()[..16].to_owned()
}

fn damaged(message: &str) -> Failure {
    Failure::new(FailureKind::Damaged, message)
}

/// Does what waits for the disk beside the requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(Failure::new(FailureKind::Local, error.to_string())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
