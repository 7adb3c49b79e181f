//! Removing artifacts and what unfinished uploads have left, while others read and write.

use crate::artifacts::{Manifest, name, segment_name, use_name};
use crate::bucket::Bucket;
use remote_protocol::Failure;
use std::collections::BTreeMap;
use std::time::Duration;

/// Removes an artifact. Says whether there was one.
pub(crate) async fn delete(bucket: &Bucket, digest: &str) -> Result<bool, Failure> {
    let Some(object) = bucket.get(&name(digest)).await? else { return Ok(false) };
    bucket.remove(&name(digest)).await?;
    remove_segments(bucket, digest, &object.bytes).await.map(|()| true)
}

/// Removes an artifact unless a writer has taken it for a result within the grace period. Says whether it is gone.
///
/// A writer that takes it leaves a sign and looks for the manifest then; here the manifest goes first, and the sign is looked
/// for then. Whatever the order, a writer either does not find the artifact and publishes it anew, or its sign is found here and
/// the manifest put back.
pub(crate) async fn collect(bucket: &Bucket, digest: &str, unused_for: u64) -> Result<bool, Failure> {
    let grace = Duration::from_secs(unused_for);
    let is_in_use = async || Ok(bucket.head(&use_name(digest)).await?.is_some_and(|(_, age)| age < grace));
    let Some(object) = bucket.get(&name(digest)).await? else { return Ok(false) };
    if object.age < grace || is_in_use().await? {
        return Ok(false);
    }
    bucket.remove(&name(digest)).await?;
    if is_in_use().await? {
        // Where the writer has published it anew meanwhile, that one stays.
        bucket.create(&name(digest), &object.bytes).await?;
        return Ok(false);
    }
    remove_segments(bucket, digest, &object.bytes).await?;
    bucket.remove(&use_name(digest)).await.map(|()| true)
}

async fn remove_segments(bucket: &Bucket, digest: &str, manifest: &[u8]) -> Result<(), Failure> {
    // Segments of a manifest that cannot be read belong to no upload, and go with those.
    let Ok(manifest) = serde_json::from_slice::<Manifest>(manifest) else { return Ok(()) };
    for number in 0..manifest.segments.len() as u64 {
        bucket.remove(&segment_name(digest, &manifest.upload, number)).await?;
    }
    Ok(())
}

/// A segment's object in the folder of segments, its bytes and its age.
type Segment = (String, u64, Duration);

/// Removes the segments of uploads that no manifest names and to which nothing was added within the grace period.
pub(crate) async fn uploads(bucket: &Bucket, unused_for: u64) -> Result<(u64, u64), Failure> {
    let mut uploads: BTreeMap<(String, String), Vec<Segment>> = BTreeMap::new();
    for (path, size, age) in bucket.list("segments").await? {
        if let [digest, upload, _] = path.split('/').collect::<Vec<_>>()[..] {
            uploads.entry((digest.to_owned(), upload.to_owned())).or_default().push((path.clone(), size, age));
        }
    }
    let (mut count, mut bytes) = (0, 0);
    for ((digest, upload), segments) in uploads {
        if segments.iter().any(|(_, _, age)| age.as_secs() < unused_for) {
            continue;
        }
        let manifest = bucket.get(&name(&digest)).await?;
        let named = manifest.and_then(|object| serde_json::from_slice::<Manifest>(&object.bytes).ok());
        if named.is_some_and(|manifest| manifest.upload == upload) {
            continue;
        }
        for (path, size, _) in segments {
            bucket.remove(&format!("segments/{path}")).await?;
            (count, bytes) = (count + 1, bytes + size);
        }
    }
    Ok((count, bytes))
}
