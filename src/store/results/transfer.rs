//! Many results between this store and its remote: pushed, pulled, compared.

use crate::error::{Error, Result};
use crate::key::Key;
use crate::store::backend::remote::{Remote, Traffic};
use crate::store::results::action::Action;
use crate::store::{Backend as _, Lookup, Store, Unit};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many results are under way at a time; each sends several parts of an artifact at once itself.
const AT_ONCE: usize = 4;

/// What came of pushing or pulling many results.
#[derive(Debug, Default, Serialize)]
pub struct Transferred {
    /// Results that were there already.
    pub present: usize,
    /// Results that are there now.
    pub transferred: usize,
    /// Results that could not be transferred, and why.
    pub failed: Vec<(Key, String)>,
    /// What was asked of the server, where there is one.
    pub traffic: Option<Traffic>,
}

/// Which results are where.
#[derive(Debug, Default, Serialize)]
pub struct RemoteStatus {
    /// Where the remote is.
    pub url: String,
    /// Results that both have.
    pub both: usize,
    /// Results that only this store has.
    pub only_here: Vec<Key>,
    /// Results that only the remote has.
    pub only_there: Vec<Key>,
    /// What was asked of the server, where there is one.
    pub traffic: Option<Traffic>,
}

impl Store {
    /// Gives results to the remote that it lacks: those of `keys`, or all.
    ///
    /// # Errors
    /// When the remote cannot be used. What fails for one result is in the answer.
    pub fn push_results(&self, keys: Option<&BTreeSet<Key>>) -> Result<Transferred> {
        let _lock = self.lock_shared()?;
        let remote = self.needed_remote()?;
        let there = remote_keys(remote)?;
        let here: Vec<Action> =
            self.actions().filter(|action| keys.is_none_or(|keys| keys.contains(&action.key))).collect();
        let (present, missing): (Vec<Action>, Vec<Action>) =
            here.into_iter().partition(|action| there.contains(&action.key));
        self.transfer(
            present.len(),
            &missing,
            |action| action.key,
            |action| {
                let Lookup::Cached(_) = self.lookup_here(action.key)? else {
                    return Ok(Some(
                        "its artifacts are damaged; `pipe cache verify --repair` moves them to quarantine".to_owned(),
                    ));
                };
                let record = self.local().read_record(action.key)?.unwrap_or_default();
                self.try_push(remote, action, &record).map(|()| None)
            },
        )
    }

    /// Takes results from the remote that this store lacks: those of `keys`, or all.
    ///
    /// # Errors
    /// When the remote cannot be used. What fails for one result is in the answer.
    pub fn pull_results(&self, keys: Option<&BTreeSet<Key>>) -> Result<Transferred> {
        self.prepare()?;
        let _lock = self.lock_shared()?;
        let remote = self.needed_remote()?;
        let there = remote_keys(remote)?.into_iter().filter(|key| keys.is_none_or(|keys| keys.contains(key)));
        let (present, missing): (Vec<Key>, Vec<Key>) =
            there.partition(|key| matches!(self.lookup_here(*key), Ok(Lookup::Cached(_))));
        self.transfer(
            present.len(),
            &missing,
            |key| *key,
            |key| match self.pull(remote, *key)? {
                Lookup::Cached(_) => Ok(None),
                _ => Ok(Some("the remote has no whole result".to_owned())),
            },
        )
    }

    /// Compares which results this store and its remote have.
    ///
    /// # Errors
    /// When the remote cannot be used.
    pub fn remote_status(&self) -> Result<RemoteStatus> {
        let remote = self.needed_remote()?;
        let there = remote_keys(remote)?;
        let here: BTreeSet<Key> = self.actions().map(|action| action.key).collect();
        Ok(RemoteStatus {
            url: remote.backend().url(),
            both: here.intersection(&there).count(),
            only_here: here.difference(&there).copied().collect(),
            only_there: there.difference(&here).copied().collect(),
            traffic: remote.backend().traffic(),
        })
    }

    /// The remote, without which the command makes no sense.
    pub(crate) fn needed_remote(&self) -> Result<&Remote> {
        self.remote().ok_or_else(|| Error::Usage {
            message: "there is no remote".to_owned(),
            hint: Some("name one with --remote, PIPE_REMOTE, or [remote] in the pipeline's file".to_owned()),
        })
    }

    /// Does something for many results, several at a time. `each` says why one failed.
    fn transfer<T: Sync>(
        &self,
        present: usize,
        all: &[T],
        key: impl Fn(&T) -> Key + Sync,
        each: impl Fn(&T) -> Result<Option<String>> + Sync,
    ) -> Result<Transferred> {
        self.begins(all.len() as u64, Unit::Things);
        let (next, found) = (AtomicUsize::new(0), Mutex::new((Transferred::default(), None)));
        let work = || {
            while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let came = each(one);
                self.steps(1);
                let Ok(mut found) = found.lock() else { return };
                match came {
                    Ok(None) => found.0.transferred += 1,
                    Ok(Some(why)) => found.0.failed.push((key(one), why)),
                    // What is wrong with the remote itself is wrong for all.
                    Err(error @ Error::Remote { .. }) => {
                        found.1.get_or_insert(error);
                        next.store(all.len(), Ordering::Relaxed);
                    }
                    Err(error) => found.0.failed.push((key(one), error.to_string())),
                }
            }
        };
        std::thread::scope(|threads| {
            for _ in 0..AT_ONCE.min(all.len()) {
                threads.spawn(work);
            }
        });
        let (mut transferred, failure) = found.into_inner().unwrap_or_default();
        if let Some(error) = failure {
            return Err(error);
        }
        transferred.present = present;
        transferred.traffic = self.remote().and_then(|remote| remote.backend().traffic());
        Ok(transferred)
    }
}

fn remote_keys(remote: &Remote) -> Result<BTreeSet<Key>> {
    Ok(remote.backend().list_records()?.into_iter().map(|listed| listed.name).collect())
}
