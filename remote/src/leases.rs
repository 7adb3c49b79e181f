//! Leases of keys: an object that its holder renews, and that others take over when it is not renewed any more.

use crate::bucket::{Bucket, Version};
use remote_protocol::Failure;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How often a holder renews its lease.
const RENEWED: Duration = Duration::from_secs(20);

/// How long a lease may stay as it is before another takes it over.
const STALE: Duration = Duration::from_secs(90);

/// How old a lease is by the server's clock that nobody needs to watch: clocks may differ.
const ABANDONED: Duration = Duration::from_secs(15 * 60);

/// The leases of one `pipe`.
pub(crate) struct Leases {
    writer: String,
    held: RefCell<BTreeMap<String, JoinHandle<()>>>,
    /// Leases of others: the version that was seen, and since when.
    seen: RefCell<BTreeMap<String, (Version, Instant)>>,
}

fn name(key: &str) -> String {
    format!("leases/{key}.json")
}

impl Leases {
    pub(crate) fn new(writer: &str) -> Self {
        Self { writer: writer.to_owned(), held: RefCell::default(), seen: RefCell::default() }
    }

    /// Takes the lease of a key. Says whether it is ours now.
    pub(crate) async fn take(self: Rc<Self>, bucket: &Rc<Bucket>, key: &str) -> Result<bool, Failure> {
        if self.held.borrow().contains_key(key) {
            return Ok(false);
        }
        let name = name(key);
        let version = match bucket.create(&name, &self.content(0)).await? {
            Some(version) => version,
            None => match self.take_over(bucket, key, &name).await? {
                Some(version) => version,
                None => return Ok(false),
            },
        };
        self.seen.borrow_mut().remove(key);
        let renewing = tokio::task::spawn_local(Rc::clone(&self).renew(Rc::clone(bucket), name, version));
        self.held.borrow_mut().insert(key.to_owned(), renewing);
        Ok(true)
    }

    /// Takes a lease over that has not been renewed.
    async fn take_over(&self, bucket: &Bucket, key: &str, name: &str) -> Result<Option<Version>, Failure> {
        let Some((version, age)) = bucket.head(name).await? else { return Ok(None) };
        let since = match self.seen.borrow().get(key) {
            Some((seen, since)) if *seen == version => *since,
            _ => Instant::now(),
        };
        if since.elapsed() < STALE && age < ABANDONED {
            self.seen.borrow_mut().insert(key.to_owned(), (version, since));
            return Ok(None);
        }
        bucket.replace(name, &self.content(0), &version).await
    }

    /// Renews a lease until it is given back, or somebody else has it.
    async fn renew(self: Rc<Self>, bucket: Rc<Bucket>, name: String, mut version: Version) {
        for count in 1_u64.. {
            tokio::time::sleep(RENEWED).await;
            match bucket.replace(&name, &self.content(count), &version).await {
                Ok(Some(renewed)) => version = renewed,
                Ok(None) => return,
                // The next time may go better; if none does, another may make the same, which does no harm.
                Err(_) => {}
            }
        }
    }

    /// Gives a lease back. Says whether it was held.
    pub(crate) async fn release(&self, bucket: &Bucket, key: &str) -> Result<bool, Failure> {
        let Some(renewing) = self.held.borrow_mut().remove(key) else { return Ok(false) };
        let is_ours = !renewing.is_finished();
        renewing.abort();
        if is_ours {
            bucket.remove(&name(key)).await?;
        }
        Ok(is_ours)
    }

    /// Gives all back; what cannot be given back is taken over some time later.
    pub(crate) async fn release_all(&self, bucket: &Bucket) {
        let keys: Vec<String> = self.held.borrow().keys().cloned().collect();
        for key in keys {
            drop(self.release(bucket, &key).await);
        }
    }

    /// What the object says, unlike that of every other holder.
    fn content(&self, count: u64) -> Vec<u8> {
        format!("{{\"writer\":\"{}\",\"process\":{},\"renewed\":{count}}}\n", self.writer, std::process::id())
            .into_bytes()
    }
}
