//! Records: one object for each key.

use crate::bucket::Bucket;
use remote_protocol::Failure;
use std::time::{SystemTime, UNIX_EPOCH};

/// The object of a record.
pub(crate) fn name(key: &str) -> String {
    format!("records/{key}.json")
}

/// The bytes of a record.
pub(crate) async fn read(bucket: &Bucket, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    Ok(bucket.get(&name(key)).await?.map(|object| object.bytes))
}

/// Publishes a record. Says whether it is new.
pub(crate) async fn publish(bucket: &Bucket, key: &str, bytes: Vec<u8>, replace: bool) -> Result<bool, Failure> {
    if replace {
        return bucket.put(&name(key), bytes).await.map(|_| true);
    }
    Ok(bucket.create(&name(key), &bytes).await?.is_some())
}

/// Moves a record to quarantine. Says whether it was there.
pub(crate) async fn quarantine(bucket: &Bucket, key: &str) -> Result<bool, Failure> {
    let Some(object) = bucket.get(&name(key)).await? else { return Ok(false) };
    bucket.put(&format!("quarantine/records/{key}.{}.json", now()), object.bytes).await?;
    bucket.remove(&name(key)).await.map(|()| true)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
