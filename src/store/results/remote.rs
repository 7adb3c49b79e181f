//! Results of a remote backend: pulled when this store has none, and pushed once they are committed here.
//!
//! What the remote has only saves work. When it fails the store goes on without it and says so.

use crate::error::Result;
use crate::key::Key;
use crate::store::backend::{Backend, PutMode, Transfer};
use crate::store::results::action::Action;
use crate::store::results::artifact::Artifact;
use crate::store::runs::scratch::Scratch;
use crate::store::{Lookup, Store};

impl Store {
    /// Takes the result of a key from the remote, if it has a whole one.
    pub(crate) fn pull(&self, remote: &dyn Backend, key: Key) -> Lookup {
        match self.try_pull(remote, key) {
            Ok(Ok(Some(action))) => return Lookup::Cached(Box::new(action)),
            Ok(Ok(None)) => {}
            Ok(Err(why)) => tracing::warn!("the remote's result of key {} is not used: {why}", key.0.short()),
            Err(error) => tracing::warn!("the result of key {} could not be pulled: {error}", key.0.short()),
        }
        Lookup::Miss
    }

    /// Gives a result to the remote: the artifacts first, so that a record never names one that is not there.
    pub(crate) fn push(&self, remote: &dyn Backend, action: &Action, record: &[u8]) {
        let mut outputs = action.outputs.values();
        let pushed = outputs
            .try_for_each(|artifact| {
                let home = self.artifact(&artifact.digest);
                remote.publish_artifact(artifact, &home, Transfer::Copy).map(drop)
            })
            .and_then(|()| remote.publish_record(action.key, record, PutMode::Create));
        if let Err(error) = pushed {
            tracing::warn!("the result of key {} could not be pushed: {error}", action.key.0.short());
        }
    }

    /// # Errors
    /// In words, when what has arrived is damaged.
    fn try_pull(&self, remote: &dyn Backend, key: Key) -> Result<std::result::Result<Option<Action>, String>> {
        let Some(record) = remote.read_record(key)? else { return Ok(Ok(None)) };
        let action = match Action::decode(&record, key) {
            Ok(action) => action,
            Err(why) => return Ok(Err(why)),
        };
        self.prepare()?;
        for artifact in action.outputs.values() {
            let is_here = artifact.fault_in(&self.disk, &self.artifact(&artifact.digest))?.is_none();
            if let Some(why) = if is_here { None } else { self.pull_artifact(remote, artifact)? } {
                return Ok(Err(why));
            }
        }
        self.local().publish_record(key, &record, PutMode::Overwrite)?;
        Ok(Ok(Some(action)))
    }

    /// What is wrong with the artifact that has arrived; nothing when it is kept.
    fn pull_artifact(&self, remote: &dyn Backend, artifact: &Artifact) -> Result<Option<String>> {
        let scratch = Scratch::for_transfer(&self.disk, &self.root.join("tmp"))?;
        let arrived = scratch.folder().join("artifact");
        if !remote.read_artifact(artifact, &arrived)? {
            return Ok(Some(format!("artifact {} is not there", artifact.digest.short())));
        }
        match self.seal(&arrived)? {
            Ok(sealed) if sealed == *artifact => self.keep(&arrived, artifact).map(|()| None),
            Ok(_) => Ok(Some(format!("artifact {} has other content than its digest", artifact.digest.short()))),
            Err(why) => Ok(Some(format!("artifact {}: {why}", artifact.digest.short()))),
        }
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
            let store = Store::new(self.folder.path().join(name)).with_remote(Arc::new(Folder::new(self.shared())));
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

    #[test]
    fn a_damaged_remote_artifact_is_not_used() {
        let team = Team::new();
        let (first, second) = (team.store("first"), team.store("second"));
        let action = commit(&first, "content");
        std::fs::write(file_in(&team.shared().join("artifacts"), &action), "CONTENT").unwrap();
        assert_eq!(found(&second), None, "other content of the same size");
        std::fs::remove_file(file_in(&team.shared().join("artifacts"), &action)).unwrap();
        assert_eq!(found(&second), None, "a file that is missing");
        std::fs::remove_dir_all(team.shared().join("artifacts")).unwrap();
        assert_eq!(found(&second), None, "no artifact");
        assert!(second.names_in("store").unwrap().is_empty() && second.names_in("actions").unwrap().is_empty());
    }

    #[test]
    fn a_damaged_remote_record_is_not_used() {
        let team = Team::new();
        commit(&team.store("first"), "content");
        let path = team.shared().join("records").join(format!("{}.json", key()));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[80] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(found(&team.store("second")), None);
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
