//! Removing, so that it may be killed at any instant and holds with runs going on beside it.
//!
//! The records go first, flushed, and only then the artifacts that no record names any more: killed in between, there are
//! artifacts too many and none too few. What goes is renamed out of the way in small batches while the store's lock is
//! held alone, after everything that decides was read again, and deleted when the lock is free again.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::fs::lock::FileLock;
use crate::key::RunId;
use crate::store::backend::Backend as _;
use crate::store::backend::lease::Lease;
use crate::store::gc::choose::{Chooser, GcOptions, GcRoots, Precondition, Removal, RemovalKind};
use crate::store::survey::entries::status;
use crate::store::{Scratch, Store, Unit, new_run_id};
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

/// What became of what was to go.
#[derive(Debug, Default)]
pub struct Collected {
    /// What is gone.
    pub removed: Vec<Removal>,
    /// What could not be removed, and why.
    pub failed: Vec<(Removal, IoError)>,
}

/// How many things are renamed while others wait for the lock.
const BATCH: usize = 128;

impl Store {
    /// Removes what `options` and all that protects results leave to be removed. `will` gets the list before anything goes.
    ///
    /// # Errors
    /// When the store cannot be read or locked. What cannot be removed is no error here, and the rest goes.
    pub fn collect(&self, options: &GcOptions, will: impl FnOnce(&[Removal])) -> Result<Collected> {
        let lock = self.lock_shared()?;
        let mut roots = GcRoots::of(self)?;
        let removals = Chooser { store: self, roots: &roots, options }.choose()?;
        drop(lock);
        will(&removals);
        let mut collected = Collected::default();
        if removals.is_empty() {
            return Ok(collected);
        }
        self.begins(removals.len() as u64, Unit::Things);
        self.prepare()?;
        let scratch = self.scratch(&RunId::new(format!("trash-{}", new_run_id())))?;
        let mut collector = Collector { store: self, trash: &scratch, count: 0, collected: &mut collected };
        for of_one_kind in removals.chunk_by(|a, b| a.kind == b.kind) {
            for batch in of_one_kind.chunks(BATCH) {
                collector.remove(batch, &mut roots)?;
                self.steps(batch.len() as u64);
            }
        }
        Ok(collected)
    }

    fn lock_alone(&self) -> Result<FileLock> {
        FileLock::wait_alone(&self.disk, &self.lock_path())
    }
}

struct Collector<'a> {
    store: &'a Store,
    trash: &'a Scratch,
    count: usize,
    collected: &'a mut Collected,
}

impl Collector<'_> {
    fn remove(&mut self, batch: &[Removal], roots: &mut GcRoots) -> Result<()> {
        let moved = self.move_out(batch, roots)?;
        for (removal, trash) in moved {
            match self.delete(&trash) {
                Ok(()) => self.collected.removed.push(removal),
                Err(error) => self.collected.failed.push((removal, error)),
            }
        }
        Ok(())
    }

    /// Renames what still may go into the trash, under the lock.
    fn move_out(&mut self, batch: &[Removal], roots: &mut GcRoots) -> Result<Vec<(Removal, PathBuf)>> {
        let _alone = self.store.lock_alone()?;
        roots.refresh(self.store)?;
        let mut moved = Vec::with_capacity(batch.len());
        for removal in batch {
            let Some(_lease) = self.may_go(removal, roots)? else { continue };
            self.count += 1;
            let trash = self.trash.folder().join(self.count.to_string());
            match self.store.disk.rename(&removal.path, &trash) {
                Ok(()) => moved.push((removal.clone(), trash)),
                // Folders of dead runs were swept when ours was made.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if removal.kind == RemovalKind::LeftOver {
                        self.collected.removed.push(removal.clone());
                    }
                }
                Err(error) => self.collected.failed.push((removal.clone(), error)),
            }
        }
        if batch.first().is_some_and(|removal| removal.kind == RemovalKind::Record) {
            // No artifact may be gone for good while its record is not.
            durable::sync_folder(&self.store.disk, &self.store.root().join("actions"))?;
        }
        Ok(moved)
    }

    /// Whether it is still so that it may go; with the lease, where one has to be held for that.
    fn may_go(&self, removal: &Removal, roots: &GcRoots) -> Result<Option<Lease>> {
        let store = self.store;
        let may = match &removal.precondition {
            Precondition::Record { key, status, used } => roots.records.entries.get(key).is_some_and(|entry| {
                entry.status == *status && roots.uses.last(entry) <= *used && !roots.protects(*key)
            }),
            Precondition::Artifact(digest) => !roots.is_in_use(digest),
            Precondition::Checkpoint(key) => {
                return store.local().lease(*key);
            }
            Precondition::Run(run, before) => {
                let now = status(&store.disk, &store.run_folder(run).join("run.json"))?;
                now == Some(*before) && !store.is_alive(run)
            }
            Precondition::Lock => {
                let lock = FileLock::try_take(&store.disk, &removal.path)?;
                return Ok(lock.map(|lock| Lease::of_lock(lock, store.disk.clone())));
            }
            Precondition::Anything => true,
        };
        Ok(may.then(Lease::not_needed))
    }

    fn delete(&self, path: &Path) -> std::io::Result<()> {
        if std::fs::symlink_metadata(path)?.is_dir() {
            self.store.disk.remove_folder(path)
        } else {
            self.store.disk.remove_file(path)
        }
    }
}

impl Collected {
    /// The first failure, which stands for all of them.
    pub fn failure(&mut self) -> Option<Error> {
        if self.failed.is_empty() {
            return None;
        }
        let (removal, error) = self.failed.remove(0);
        Some(Error::Io { doing: "removing", path: removal.path, source: error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{Disk, Operation, Watch};
    use crate::key::Manifest;
    use crate::key::PortName;
    use crate::store::{Action, FORMAT, Provenance};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn store(disk: Disk) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::on(folder.path().join("artifacts"), disk);
        store.prepare().unwrap();
        (folder, store)
    }

    /// Keeps a result of that stage with that content.
    fn result(store: &Store, stage: &str, content: &str) -> Action {
        let output = tempfile::tempdir_in(store.root().join("tmp")).unwrap().keep();
        std::fs::write(output.join("file"), content).unwrap();
        let artifact = store.seal(&output).unwrap().unwrap();
        store.keep(&output, &artifact).unwrap();
        drop(std::fs::remove_dir_all(&output));
        let manifest = Manifest::new(stage, "1");
        let provenance = Provenance {
            run: "r".to_owned(),
            pipeline: "p".to_owned(),
            stage: None,
            attempts: 1,
            started: 1,
            seconds: 0.0,
            host: "h".to_owned(),
            threads: 1,
            device: "cpu".to_owned(),
            gpus: Vec::new(),
            hardware: None,
            peak_memory: None,
        };
        let outputs = BTreeMap::from([(PortName::new("out"), artifact)]);
        let action = Action { format: FORMAT, key: manifest.key(), manifest, outputs, provenance };
        store.record(&action).unwrap();
        action
    }

    fn artifact(store: &Store, action: &Action) -> PathBuf {
        store.artifact(&action.outputs[&PortName::new("out")].digest)
    }

    const ALL: GcOptions = GcOptions { keep_runs: Some(0), keep_days: None, max_size: None, quarantine: false };

    #[test]
    fn gc_keeps_what_a_live_run_uses() {
        let (_folder, store) = store(Disk::default());
        let scratch = store.scratch(&RunId::new("live")).unwrap();
        let before = result(&store, "s", "before");
        let mut needs = store.needs().unwrap();
        needs.add_result(&before).unwrap();
        needs.write_down(&scratch).unwrap();
        let after = result(&store, "s", "after");
        assert_eq!(before.key, after.key);
        assert!(store.collect(&ALL, |_| {}).unwrap().removed.is_empty());
        assert!(artifact(&store, &before).exists() && artifact(&store, &after).exists());
        drop(scratch);
        assert_eq!(store.collect(&ALL, |_| {}).unwrap().removed.len(), 3);
        assert!(!artifact(&store, &before).exists() && !artifact(&store, &after).exists());
    }

    #[test]
    fn a_checkpoint_stays_while_somebody_has_the_lease() {
        let (_folder, store) = store(Disk::default());
        let key = result(&store, "s", "content").key;
        let checkpoint = store.checkpoint(key).unwrap();
        let lease = store.lease(key).unwrap().unwrap();
        store.collect(&GcOptions::default(), |_| {}).unwrap();
        assert!(checkpoint.exists());
        drop(lease);
        store.collect(&GcOptions::default(), |_| {}).unwrap();
        assert!(!checkpoint.exists());
    }

    /// A disk on which nothing that is called so can be renamed.
    #[derive(Debug)]
    struct Stuck(String);

    impl Watch for Stuck {
        fn before(&self, operation: Operation<'_>) -> std::io::Result<()> {
            match operation {
                Operation::Rename(from, _) if from.ends_with(&self.0) => Err(ErrorKind::PermissionDenied.into()),
                _ => Ok(()),
            }
        }
    }

    #[test]
    fn what_cannot_be_removed_is_reported_and_the_rest_goes() {
        let (_folder, free) = store(Disk::default());
        let stuck = result(&free, "stuck", "one");
        let other = result(&free, "other", "two");
        let watch = Arc::new(Stuck(format!("{}.json", stuck.key)));
        let store = Store::on(free.root().to_owned(), Disk::watched(watch));
        let mut collected = store.collect(&ALL, |_| {}).unwrap();
        assert_eq!(collected.removed.len(), 2, "the other record and its artifact");
        assert!(artifact(&store, &stuck).exists() && !artifact(&store, &other).exists());
        let failure = collected.failure().unwrap();
        assert_eq!(failure.exit_code(), 42);
        assert!(failure.to_string().contains(&stuck.key.to_string()), "{failure}");
    }

    #[test]
    fn what_was_used_since_it_was_chosen_stays() {
        let (_folder, store) = store(Disk::default());
        let chosen = result(&store, "s", "before");
        let collected = store.collect(&ALL, |removals| {
            assert_eq!(removals.len(), 2);
            result(&store, "s", "after");
        });
        let removed: Vec<String> = collected.unwrap().removed.into_iter().map(|removal| removal.name).collect();
        assert_eq!(removed, [chosen.outputs[&PortName::new("out")].digest.to_string()], "only what is replaced");
    }
}
