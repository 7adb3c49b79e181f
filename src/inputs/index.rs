//! The index: digests of files that are external inputs, by their status, for all pipelines. It may be lost at any time.
//!
//! It is opened for milliseconds, only when something is to be added or looked for, and every failure of it costs reading
//! the files themselves and nothing else.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::lock::FileLock;
use fs_err as fs;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

/// A map from bytes to bytes that may forget everything, but never answers wrong.
pub trait Index {
    /// The value of each key, where there is one.
    fn get(&self, keys: &[Vec<u8>]) -> Vec<Option<Vec<u8>>>;
    /// Adds or replaces rows.
    fn put(&self, rows: &[(Vec<u8>, Vec<u8>)]);
}

/// The index in sled 0.34, in a folder of its own with a lock beside it.
#[derive(Debug)]
pub struct SledIndex {
    folder: PathBuf,
}

/// What came of opening sled once.
enum Attempt<T> {
    Done(T),
    Damaged,
    Unavailable,
}

/// What a look at the index finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// There is none yet.
    Absent,
    /// It opens and has this many rows.
    Opens(usize),
    /// It cannot be read; whoever writes to it next moves it to quarantine and makes it anew.
    Damaged,
    /// Another process has it, or the system does not let us have it.
    Unavailable,
}

/// How long to wait for another process to let go of the index before going on without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many rows are added in one step, which sled holds in memory.
const BATCH: usize = 1000;

impl SledIndex {
    /// The index in that folder; nothing is opened yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Opens the index if there is one, and leaves it as it is.
    pub fn state(&self) -> IndexState {
        if !self.folder.exists() {
            return IndexState::Absent;
        }
        let Some(_lock) = self.lock() else { return IndexState::Unavailable };
        match self.attempt(|db| Ok(db.len())) {
            Attempt::Done(rows) => IndexState::Opens(rows),
            Attempt::Damaged => IndexState::Damaged,
            Attempt::Unavailable => IndexState::Unavailable,
        }
    }

    fn lock(&self) -> Option<FileLock> {
        // Whoever looks something up goes on without the index.
        FileLock::wait_at_most(&Disk::default(), &self.folder.parent()?.join("sled.lock"), PATIENCE).ok().flatten()
    }

    /// Opens sled under our own lock, does `work`, and closes it again. `None` when it cannot be had.
    fn with<T>(&self, work: impl Fn(&sled::Db) -> sled::Result<T>) -> Option<T> {
        fs::create_dir_all(self.folder.parent()?).ok()?;
        let _lock = self.lock()?;
        for _ in 0..2 {
            match self.attempt(&work) {
                Attempt::Done(answer) => return Some(answer),
                Attempt::Damaged => self.quarantine(),
                Attempt::Unavailable => return None,
            }
        }
        None
    }

    /// Opens sled, waiting while it still holds its own lock: it lets go some time after it was closed (sled issue 1289).
    fn attempt<T>(&self, work: impl Fn(&sled::Db) -> sled::Result<T>) -> Attempt<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.open_once(&work) {
                Some(attempt) => return attempt,
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
                None => return Attempt::Unavailable,
            }
        }
    }

    /// sled reports damage as an error or as a panic. An error of the system, such as a full disk, is no damage, and
    /// neither is a lock of its own that is still held: then there is no answer.
    fn open_once<T>(&self, work: impl Fn(&sled::Db) -> sled::Result<T>) -> Option<Attempt<T>> {
        if !can_start_threads() {
            return Some(Attempt::Unavailable);
        }
        remove_half_written_snapshots(&self.folder);
        let answer = quietly(|| {
            let db = sled::Config::new()
                .path(&self.folder)
                .mode(sled::Mode::LowSpace)
                .cache_capacity(8 << 20)
                .flush_every_ms(None)
                .open()?;
            let answer = work(&db)?;
            db.flush()?;
            Ok::<T, sled::Error>(answer)
        });
        match answer {
            Ok(Ok(answer)) => Some(Attempt::Done(answer)),
            Ok(Err(sled::Error::Io(error))) if error.raw_os_error().is_some() => Some(Attempt::Unavailable),
            // Only the text says it; the kind is `Other`.
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => None,
            Ok(Err(_)) | Err(_) => Some(Attempt::Damaged),
        }
    }

    /// Replaces the whole index by these rows. The old one is moved away first, and comes back when that fails.
    ///
    /// # Errors
    /// When another process does not let go of it, or it cannot be written.
    pub fn rebuild(&self, rows: &[(Vec<u8>, Vec<u8>)]) -> Result<()> {
        let failed = |message: &str| Error::io("writing", &self.folder, std::io::Error::other(message));
        let parent = self.folder.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).map_err(|error| Error::io("writing", parent, error))?;
        let _lock = FileLock::wait_at_most(&Disk::default(), &parent.join("sled.lock"), PATIENCE)?
            .ok_or_else(|| failed("another process holds the index"))?;
        let old = self.folder.with_extension(format!("old-{}", std::process::id()));
        let had_one = self.folder.exists();
        if had_one {
            fs::rename(&self.folder, &old).map_err(|error| Error::io("writing", &old, error))?;
        }
        match self.attempt(|db| db.apply_batch(batch(rows))) {
            Attempt::Done(()) => {
                // It is of no use any more, and what cannot be removed does no harm.
                drop(fs::remove_dir_all(&old));
                Ok(())
            }
            Attempt::Damaged | Attempt::Unavailable => {
                drop(fs::remove_dir_all(&self.folder));
                if had_one {
                    fs::rename(&old, &self.folder).map_err(|error| Error::io("writing", &self.folder, error))?;
                }
                Err(failed("the new index could not be written"))
            }
        }
    }

    fn quarantine(&self) {
        let damaged = self.folder.with_extension(format!("damaged-{}", std::process::id()));
        if fs::rename(&self.folder, &damaged).is_ok() {
            tracing::warn!("the index was damaged; it was moved to {} and is made anew", damaged.display());
        }
    }
}

impl Index for SledIndex {
    fn get(&self, keys: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
        if !self.folder.exists() {
            return vec![None; keys.len()];
        }
        let look = |db: &sled::Db| keys.iter().map(|key| Ok(db.get(key)?.map(|value| value.to_vec()))).collect();
        self.with(look).unwrap_or_else(|| vec![None; keys.len()])
    }

    fn put(&self, rows: &[(Vec<u8>, Vec<u8>)]) {
        let added = self.with(|db| rows.chunks(BATCH).try_for_each(|part| db.apply_batch(batch(part))));
        if added.is_none() {
            tracing::debug!("the index could not be written; going on without it");
        }
    }
}

/// Whether threads can be started: sled waits for ever for the work of one that it could not start.
fn can_start_threads() -> bool {
    // Two at once, since one that has ended counts for a moment longer.
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let threads = [(); 2].map(|()| {
        let held = std::sync::Arc::clone(&held);
        std::thread::Builder::new().spawn(move || drop(held.lock().map(|held| held.recv())))
    });
    drop(hold);
    threads.map(|thread| thread.is_ok_and(|thread| thread.join().is_ok())).iter().all(|started| *started)
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`, and says nothing of a panic in it. Those of other threads are printed as ever.
fn quietly<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    done
}

fn batch(rows: &[(Vec<u8>, Vec<u8>)]) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for (key, value) in rows {
        batch.insert(key.as_slice(), value.as_slice());
    }
    batch
}

/// A kill while sled writes a snapshot leaves `snap.*.generating`, with which it refuses to open (sled issue 1527).
fn remove_half_written_snapshots(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            drop(fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_another_process_later() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        index.put(&[(b"a".to_vec(), b"1".to_vec())]);
        let again = SledIndex::new(folder.path().join("sled"));
        assert_eq!(again.get(&[b"a".to_vec(), b"b".to_vec()]), [Some(b"1".to_vec()), None]);
    }

    #[test]
    fn a_damaged_index_is_quarantined_and_works_again() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        index.put(&[(b"a".to_vec(), b"1".to_vec())]);
        for entry in std::fs::read_dir(folder.path().join("sled")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::write(path, b"damage").unwrap();
            }
        }
        index.put(&[(b"b".to_vec(), b"2".to_vec())]);
        assert_eq!(index.get(&[b"b".to_vec()]), [Some(b"2".to_vec())]);
    }

    #[test]
    fn a_look_tells_what_there_is_and_sets_nothing_aside() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        assert_eq!(index.state(), IndexState::Absent);
        index.put(&[(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"2".to_vec())]);
        assert_eq!(index.state(), IndexState::Opens(2));
        for entry in std::fs::read_dir(folder.path().join("sled")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::write(path, b"damage").unwrap();
            }
        }
        assert_eq!(index.state(), IndexState::Damaged);
        assert!(folder.path().join("sled").exists());
    }

    #[test]
    fn a_half_written_snapshot_is_removed_before_opening() {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::new(folder.path().join("sled"));
        index.put(&[(b"a".to_vec(), b"1".to_vec())]);
        std::fs::write(folder.path().join("sled/snap.0000000000000001.generating"), b"half").unwrap();
        assert_eq!(index.get(&[b"a".to_vec()]), [Some(b"1".to_vec())]);
    }
}
