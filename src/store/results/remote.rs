//! Results of a remote backend: pulled when this store has none, and pushed once they are committed here.
//!
//! What the remote has only saves work. When it fails the store goes on without it and says so.

use crate::error::{Error, RemoteFault, Result};
use crate::key::{Digest, Key};
use crate::store::backend::remote::{Access, Remote};
use crate::store::backend::{Backend as _, PutMode, Transfer};
use crate::store::results::action::Action;
use crate::store::results::artifact::Artifact;
use crate::store::runs::scratch::Scratch;
use crate::store::{Lookup, Store};

/// What came of a pull.
enum Pulled {
    /// The result is here.
    Here(Box<Action>),
    /// The remote has none.
    Absent,
    /// What it has is damaged, and why; the artifacts at fault, where it is not the record.
    Damaged(Vec<Digest>, String),
}

impl Store {
    /// Takes the result of a key from the remote, if it has a whole one.
    ///
    /// # Errors
    /// When the remote cannot be used until the user changes something. When it cannot be reached, that is a miss.
    pub(crate) fn pull(&self, remote: &Remote, key: Key) -> Result<Lookup> {
        if !remote.reads() || !remote.is_usable() {
            return Ok(Lookup::Miss);
        }
        match self.try_pull(remote, key) {
            Ok(Pulled::Here(action)) => {
                remote.note_pulled();
                return Ok(Lookup::Cached(action));
            }
            Ok(Pulled::Absent) => {}
            Ok(Pulled::Damaged(artifacts, why)) => quarantine(remote, key, &artifacts, &why),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => {
                remote.note_failure(&format!("the result of key {} could not be pulled", key.0.short()), &error);
            }
        }
        Ok(Lookup::Miss)
    }

    /// Gives a result to the remote. What fails is reported, and the result stays here.
    pub(crate) fn push(&self, remote: &Remote, action: &Action, record: &[u8]) {
        if !remote.writes() || !remote.is_usable() {
            return;
        }
        if let Err(error) = self.try_push(remote, action, record) {
            remote.note_failure(&format!("the result of key {} could not be pushed", action.key.0.short()), &error);
        }
    }

    /// Gives a result to the remote: the artifacts first, so that a record never names one that is not there.
    pub(crate) fn try_push(&self, remote: &Remote, action: &Action, record: &[u8]) -> Result<()> {
        for artifact in action.outputs.values() {
            let home = self.artifact(&artifact.digest);
            remote.backend().publish_artifact(artifact, &home, Transfer::Copy)?;
        }
        remote.backend().publish_record(action.key, record, PutMode::Create)?;
        remote.note_pushed();
        Ok(())
    }

    fn try_pull(&self, remote: &Remote, key: Key) -> Result<Pulled> {
        let Some(record) = remote.backend().read_record(key)? else { return Ok(Pulled::Absent) };
        let action = match Action::decode(&record, key) {
            Ok(action) => action,
            Err(why) => return Ok(Pulled::Damaged(Vec::new(), why)),
        };
        self.prepare()?;
        let pull = |artifact: &Artifact| {
            let is_here = artifact.fault_in(&self.disk, &self.artifact(&artifact.digest))?.is_none();
            let fault = if is_here { None } else { self.pull_artifact(remote, artifact)? };
            Ok(fault.map(|why| (artifact.digest, why)))
        };
        let pulled: Vec<Result<Option<(Digest, String)>>> = std::thread::scope(|threads| {
            let started: Vec<_> =
                action.outputs.values().map(|artifact| threads.spawn(move || pull(artifact))).collect();
            let panicked = || Err(Error::Internal("a pull has panicked".to_owned()));
            started.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
        });
        let faults = pulled.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>>>()?;
        if let Some((_, why)) = faults.first() {
            return Ok(Pulled::Damaged(faults.iter().map(|(digest, _)| *digest).collect(), why.clone()));
        }
        self.local().publish_record(key, &record, PutMode::Overwrite)?;
        Ok(Pulled::Here(Box::new(action)))
    }

    /// What is wrong with the artifact that has arrived; nothing when it is kept.
    fn pull_artifact(&self, remote: &Remote, artifact: &Artifact) -> Result<Option<String>> {
        let scratch = Scratch::for_transfer(&self.disk, &self.root.join("tmp"))?;
        let arrived = scratch.folder().join("artifact");
        match remote.backend().read_artifact(artifact, &arrived) {
            Ok(true) => {}
            Ok(false) => return Ok(Some(format!("artifact {} is not there", artifact.digest.short()))),
            Err(Error::Remote { fault: RemoteFault::Damage, message, .. }) => {
                return Ok(Some(format!("artifact {}: {message}", artifact.digest.short())));
            }
            Err(error) => return Err(error),
        }
        match self.seal(&arrived)? {
            Ok(sealed) if sealed == *artifact => self.keep(&arrived, artifact).map(|()| None),
            Ok(_) => Ok(Some(format!("artifact {} has other content than its digest", artifact.digest.short()))),
            Err(why) => Ok(Some(format!("artifact {}: {why}", artifact.digest.short()))),
        }
    }
}

/// Whether the same fails again until the user changes something.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::Remote { fault: RemoteFault::Settings, .. } | Error::Worker { .. })
}

/// Moves what is damaged in the remote to its quarantine, so that it is published again once it is made.
fn quarantine(remote: &Remote, key: Key, artifacts: &[Digest], why: &str) {
    let key_name = key.0.short();
    if remote.access() != Access::ReadWrite {
        tracing::warn!("the remote's result of key {key_name} is damaged and not used: {why}");
        return;
    }
    let backend = remote.backend();
    // The record goes too: the stage may make something else now, and a record that is there is never replaced.
    let mut artifacts = artifacts.iter();
    let moved = artifacts
        .try_for_each(|digest| backend.quarantine_artifact(digest).map(drop))
        .and_then(|()| backend.quarantine_record(key));
    match moved {
        Ok(_) => tracing::warn!(
            "the remote's result of key {key_name} is damaged, moved to its quarantine and made again: {why}"
        ),
        Err(error) => tracing::warn!(
            "the remote's result of key {key_name} is damaged and not used: {why}; it could not be moved to its quarantine: {error}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Disk;
    use crate::key::{Manifest, PortName};
    use crate::store::{FORMAT, Folder, Provenance};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    /// A shared folder, and stores that have it as their remote.
    struct Team {
        folder: tempfile::TempDir,
    }

    impl Team {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn shared(&self) -> PathBuf {
            self.folder.path().join("shared")
        }

        fn store(&self, name: &str) -> Store {
            let store = Store::new(self.folder.path().join(name))
                .with_remote(Arc::new(Folder::new(self.shared())), Access::ReadWrite);
            store.prepare().unwrap();
            store
        }
    }

    fn key() -> Key {
        Manifest::new("stage", "1").key()
    }

    /// Commits a result of one file.
    fn commit(store: &Store, content: &str) -> Action {
        let output = store.root().join("tmp/output");
        std::fs::create_dir_all(output.join("inner")).unwrap();
        std::fs::write(output.join("inner/a.txt"), content).unwrap();
        let artifact = store.seal(&output).unwrap().unwrap();
        store.keep(&output, &artifact).unwrap();
        let provenance = Provenance {
            run: "r".to_owned(),
            pipeline: "p".to_owned(),
            stage: None,
            attempts: 1,
            started: 1,
            seconds: 1.0,
            host: "h".to_owned(),
            threads: 1,
            device: "cpu".to_owned(),
            gpus: Vec::new(),
            hardware: None,
            peak_memory: None,
        };
        let outputs = std::iter::once((PortName::new("out"), artifact)).collect();
        let action = Action { format: FORMAT, key: key(), manifest: Manifest::new("stage", "1"), outputs, provenance };
        store.record(&action).unwrap();
        action
    }

    fn found(store: &Store) -> Option<Action> {
        match store.lookup(key()).unwrap() {
            Lookup::Cached(action) => Some(*action),
            Lookup::Miss => None,
            Lookup::Damaged { why, .. } => panic!("{why}"),
        }
    }

    fn file_in(store: &Path, action: &Action) -> PathBuf {
        store.join(action.outputs[&PortName::new("out")].digest.to_string()).join("inner/a.txt")
    }

    #[test]
    fn a_result_that_one_store_commits_is_cached_in_another() {
        let team = Team::new();
        let (first, second) = (team.store("first"), team.store("second"));
        assert_eq!(found(&second), None);
        let action = commit(&first, "content");
        assert_eq!(found(&second).as_ref(), Some(&action));
        let artifact = &action.outputs[&PortName::new("out")];
        assert_eq!(artifact.damage_in(&Disk::default(), &second.artifact(&artifact.digest)).unwrap(), None);
        std::fs::remove_dir_all(team.shared()).unwrap();
        assert_eq!(found(&second), Some(action), "what was pulled is here");
        assert!(second.verify(true).unwrap().damage.is_empty());
        assert_eq!(second.names_in("tmp").unwrap(), [second.root().join("tmp/locks")]);
    }

    /// What is in the quarantine of the shared folder.
    fn quarantined(team: &Team) -> usize {
        std::fs::read_dir(team.shared().join("quarantine")).map_or(0, Iterator::count)
    }

    #[test]
    fn a_damaged_remote_artifact_is_quarantined_and_made_again() {
        let changes: [fn(&Path); 2] =
            [|file| std::fs::write(file, "CONTENT").unwrap(), |file| std::fs::remove_file(file).unwrap()];
        for change in changes {
            let team = Team::new();
            let (first, second) = (team.store("first"), team.store("second"));
            let action = commit(&first, "content");
            change(&file_in(&team.shared().join("artifacts"), &action));
            assert_eq!(found(&second), None);
            assert!(second.names_in("store").unwrap().is_empty() && second.names_in("actions").unwrap().is_empty());
            assert_eq!(quarantined(&team), 2, "the artifact and the record");
            commit(&second, "content");
            assert_eq!(found(&team.store("third")).map(|found| found.outputs), Some(action.outputs));
        }
    }

    #[test]
    fn a_missing_remote_artifact_is_a_miss() {
        let team = Team::new();
        commit(&team.store("first"), "content");
        std::fs::remove_dir_all(team.shared().join("artifacts")).unwrap();
        let second = team.store("second");
        assert_eq!(found(&second), None);
        let action = commit(&second, "other content");
        assert_eq!(found(&team.store("third")), Some(action), "what no longer has its artifact is not kept");
    }

    #[test]
    fn a_damaged_remote_record_is_quarantined_and_made_again() {
        let team = Team::new();
        commit(&team.store("first"), "content");
        let path = team.shared().join("records").join(format!("{}.json", key()));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[80] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let second = team.store("second");
        assert_eq!(found(&second), None);
        assert_eq!(quarantined(&team), 1);
        let action = commit(&second, "content");
        assert_eq!(found(&team.store("third")), Some(action));
    }

    #[test]
    fn access_says_what_a_store_does_with_its_remote() {
        let team = Team::new();
        let with = |name: &str, access| {
            let store =
                Store::new(team.folder.path().join(name)).with_remote(Arc::new(Folder::new(team.shared())), access);
            store.prepare().unwrap();
            store
        };
        commit(&with("reader", Access::Read), "content");
        assert_eq!(found(&team.store("first")), None, "who reads gives nothing");
        let action = commit(&with("writer", Access::Write), "content");
        assert_eq!(found(&with("other writer", Access::Write)), None, "who writes takes nothing");
        assert_eq!(found(&with("other reader", Access::Read)), Some(action));
    }

    #[test]
    fn the_first_record_in_the_remote_stays() {
        let team = Team::new();
        let alone = Store::new(team.folder.path().join("second"));
        alone.prepare().unwrap();
        let first = commit(&team.store("first"), "one");
        let second = commit(&team.store("second"), "two");
        assert_ne!(first, second);
        assert_eq!(found(&alone), Some(second), "each store has what it made");
        assert_eq!(found(&team.store("third")), Some(first));
    }

    #[test]
    fn a_store_works_without_its_remote() {
        let team = Team::new();
        std::fs::write(team.shared(), "a file where a folder belongs").unwrap();
        let store = team.store("first");
        assert_eq!(found(&store), None);
        assert!(store.lease(key()).unwrap().is_some());
        let action = commit(&store, "content");
        assert_eq!(found(&store), Some(action));
    }

    #[test]
    fn a_lease_is_held_by_one_of_several_stores() {
        let team = Team::new();
        let (first, second) = (team.store("first"), team.store("second"));
        let held = first.lease(key()).unwrap().unwrap();
        assert!(second.lease(key()).unwrap().is_none());
        assert!(second.local().lease(key()).unwrap().is_some(), "what it could not use it has given back");
        drop(held);
        assert!(second.lease(key()).unwrap().is_some());
    }
}
