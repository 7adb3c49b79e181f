//! Garbage collection of a remote, while other machines read and write it.
//!
//! Records go first, then artifacts that no record names. A push is no lock: it publishes artifacts before the record that names
//! them. So an artifact without a record is left alone for a grace period after it was published or taken for a result, and
//! each backend sees to it that an artifact that is taken at the very moment is not lost.

use crate::error::{Error, Result};
use crate::key::{Digest, Key};
use crate::store::backend::remote::{Amount, Remote};
use crate::store::results::action::Action;
use crate::store::{Listed, Store};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The shortest grace period. Uploads of one day share a name, clocks differ, and a push may take hours.
const SHORTEST_GRACE: Duration = Duration::from_secs(2 * 24 * 3600);

/// How many requests are under way at a time.
const AT_ONCE: usize = 8;

/// What is removed from a remote.
#[derive(Clone, Copy, Debug)]
pub struct RemoteGcOptions {
    /// Results that were published more days ago, where given.
    pub keep_days: Option<u64>,
    /// How long an artifact that no record names is left alone.
    pub grace: Duration,
    /// Only look.
    pub dry_run: bool,
}

/// What was removed from a remote, or would be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RemoteCollected {
    /// Records.
    pub records: Vec<Key>,
    /// Artifacts.
    pub artifacts: Vec<Digest>,
    /// Parts of pushes that did not come to their end; not counted by a dry run.
    pub unfinished: Amount,
}

impl Store {
    /// Removes from the remote what is too old, and what no record names.
    ///
    /// # Errors
    /// When the grace period is too short, when a record cannot be read, since nobody knows what it names, and when the remote
    /// cannot be used. What was removed by then is gone.
    pub fn collect_remote(&self, options: &RemoteGcOptions) -> Result<RemoteCollected> {
        let remote = self.needed_remote()?;
        if options.grace < SHORTEST_GRACE {
            return Err(Error::Usage {
                message: "the grace period is shorter than 2 days".to_owned(),
                hint: Some(
                    "a push publishes artifacts before the record that names them, and may take long".to_owned(),
                ),
            });
        }
        let age = |modified| SystemTime::now().duration_since(modified).unwrap_or_default();
        // Artifacts are listed before the records: one that appears later is none of those listed.
        let artifacts = remote.backend().list_artifacts()?;
        let records = remote.backend().list_records()?;
        let limit = options.keep_days.map(|days| Duration::from_secs(days.saturating_mul(24 * 3600)));
        let is_old = |listed: &&Listed<Key>| limit.is_some_and(|limit| age(listed.modified) > limit);
        let (old, kept): (Vec<_>, Vec<_>) = records.iter().partition(is_old);
        let named = named(remote, &kept)?;
        let unnamed =
            artifacts.iter().filter(|listed| !named.contains(&listed.name) && age(listed.modified) > options.grace);
        let mut collected = RemoteCollected {
            records: old.iter().map(|listed| listed.name).collect(),
            artifacts: unnamed.map(|listed| listed.name).collect(),
            unfinished: Amount::default(),
        };
        if options.dry_run {
            return Ok(collected);
        }
        for key in &collected.records {
            remote.backend().delete_record(*key)?;
        }
        let mut gone = Vec::new();
        for digest in &collected.artifacts {
            if remote.backend().collect_artifact(digest, options.grace)? {
                gone.push(*digest);
            }
        }
        collected.artifacts = gone;
        collected.unfinished = remote.backend().collect_uploads(options.grace)?;
        Ok(collected)
    }
}

/// The artifacts that records name.
fn named(remote: &Remote, records: &[&Listed<Key>]) -> Result<BTreeSet<Digest>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Ok(BTreeSet::new()));
    let work = || {
        while let Some(listed) = records.get(next.fetch_add(1, Ordering::Relaxed)) {
            let digests = digests(remote, listed.name);
            let Ok(mut found) = found.lock() else { return };
            match (digests, found.as_mut()) {
                (Ok(digests), Ok(all)) => all.extend(digests),
                (Err(error), Ok(_)) => *found = Err(error),
                (_, Err(_)) => return,
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE.min(records.len()) {
            threads.spawn(work);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn digests(remote: &Remote, key: Key) -> Result<Vec<Digest>> {
    // Another may have removed it meanwhile.
    let Some(bytes) = remote.backend().read_record(key)? else { return Ok(Vec::new()) };
    let action = Action::decode(&bytes, key).map_err(|why| Error::Damaged {
        message: format!(
            "the record of key {} in {} cannot be read, and nothing is removed: {why}",
            key.0.short(),
            remote.backend().url()
        ),
        hint: Some("`pipe cache pull` moves it to the remote's quarantine".to_owned()),
    })?;
    Ok(action.outputs.values().map(|artifact| artifact.digest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Access, Artifact, Backend as _, Folder, PutMode, RemoteBackend as _, Transfer};
    use std::path::Path;
    use std::sync::Arc;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn shared(folder: &Path) -> (Store, Folder) {
        let remote = || Folder::new(folder.join("shared"));
        let store = Store::new(folder.join("store")).with_remote(Arc::new(remote()), Access::ReadWrite);
        store.prepare().unwrap();
        (store, remote())
    }

    fn publish(store: &Store, remote: &Folder, content: &str) -> (Artifact, std::path::PathBuf) {
        let output = store.root().join("tmp").join(content);
        std::fs::create_dir_all(&output).unwrap();
        std::fs::write(output.join("file"), content).unwrap();
        let artifact = store.seal(&output).unwrap().unwrap();
        remote.publish_artifact(&artifact, &output, Transfer::Copy).unwrap();
        (artifact, output)
    }

    fn age(folder: &Path, artifact: &Artifact, by: Duration) {
        let path = folder.join("shared/artifacts").join(artifact.digest.to_string());
        std::fs::File::open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn an_old_artifact_without_a_record_goes_unless_a_writer_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let (store, remote) = shared(folder.path());
        let all: Vec<_> = ["young", "old", "taken"].iter().map(|content| publish(&store, &remote, content)).collect();
        age(folder.path(), &all[1].0, DAY * 30);
        age(folder.path(), &all[2].0, DAY * 30);
        remote.publish_artifact(&all[2].0, &all[2].1, Transfer::Copy).unwrap();
        let options = RemoteGcOptions { keep_days: None, grace: DAY * 7, dry_run: true };
        assert_eq!(store.collect_remote(&options).unwrap().artifacts, [all[1].0.digest]);
        assert!(remote.has_artifact(&all[1].0.digest).unwrap(), "a dry run only looks");
        let options = RemoteGcOptions { dry_run: false, ..options };
        assert_eq!(store.collect_remote(&options).unwrap().artifacts, [all[1].0.digest]);
        assert_eq!(
            all.iter().map(|(one, _)| remote.has_artifact(&one.digest).unwrap()).collect::<Vec<_>>(),
            [true, false, true]
        );
        assert!(
            !remote.collect_artifact(&all[2].0.digest, DAY).unwrap(),
            "it was taken between the look and the removal"
        );
    }

    #[test]
    fn a_record_that_cannot_be_read_stops_it_and_so_does_a_short_grace_period() {
        let folder = tempfile::tempdir().unwrap();
        let (store, remote) = shared(folder.path());
        let (artifact, _) = publish(&store, &remote, "old");
        age(folder.path(), &artifact, DAY * 30);
        remote.publish_record(Key(Digest::of(b"k")), b"no record", PutMode::Create).unwrap();
        let collect = |grace| store.collect_remote(&RemoteGcOptions { keep_days: None, grace, dry_run: false });
        assert_eq!(collect(DAY * 7).unwrap_err().exit_code(), 44);
        assert_eq!(collect(DAY).unwrap_err().exit_code(), 2);
        assert!(remote.has_artifact(&artifact.digest).unwrap());
    }
}
