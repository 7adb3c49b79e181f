//! The online store: users' histories and lists in sled, derived from a result on first use, checked when opened.

mod build;
mod folder;
mod record;

pub(crate) use record::UserRecord;

use contract::Failure;
use contract::questions::{ItemRow, ListsHead, Service};
use folder::Slot;
use record::{checksum, decode_json, is_whole};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The form of stores. One of another form is made anew.
const FORMAT: u32 = 1;

/// The trees of a store.
const USERS: &str = "users";
const ITEMS: &str = "items";

/// How long sled may hold its lock after a store was closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many bytes of rows sled keeps in memory while a store is made.
const CACHE_OF_BUILD: u64 = 64 << 20;

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A file or folder.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// sled reports an error.
    #[error("{}: sled: {error}", path.display())]
    Sled {
        /// Where.
        path: PathBuf,
        /// What it says.
        error: sled::Error,
    },
    /// The worker cannot read the results.
    #[error("{0}")]
    Results(Failure),
    /// The worker does not answer.
    #[error("the worker {} did not print the lists: {message}", worker.display())]
    Worker {
        /// Its path.
        worker: PathBuf,
        /// What happened.
        message: String,
    },
    /// What was written is not what is read.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Every folder is used.
    #[error("{0} servers serve this result already")]
    TooManyServers(usize),
}

impl StoreError {
    fn of_sled(path: &Path, error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io { path: path.to_owned(), error },
            error => Self::Sled { path: path.to_owned(), error },
        }
    }
}

/// What a complete store has, beside it in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Summary {
    format: u32,
    content: String,
    users: u64,
    items: u64,
    /// The sum of the checksums of all rows.
    checksums: u64,
    head: ListsHead,
}

impl Summary {
    const FILE: &'static str = "summary.json";
}

/// An open store.
#[derive(Debug)]
pub(crate) struct OnlineStore {
    users: sled::Tree,
    count: u64,
    head: ListsHead,
    // Dropped after the trees, so that no other process opens the folder before.
    _slot: Slot,
}

impl OnlineStore {
    /// Opens the store of a service with all of its items, and makes it first where it is not there or damaged. Of users' rows `cache`
    /// bytes are held in memory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn open(service: &Service, cache: u64) -> Result<(Self, Vec<ItemRow>), StoreError> {
        let slot = Slot::take(&service.folder, &service.content)?;
        let start = Instant::now();
        if slot.folder.exists() {
            match read(&slot.folder, &service.content, cache) {
                Ok((users, items, summary)) => {
                    tracing::info!(
                        users = summary.users,
                        seconds = start.elapsed().as_secs_f64(),
                        "store opened and checked"
                    );
                    return Ok((Self { users, count: summary.users, head: summary.head, _slot: slot }, items));
                }
                Err(error) => tracing::warn!("the online store is made anew: {error}"),
            }
        }
        // Old folders go first, for the room that they take.
        folder::remove_unused(&service.folder, 2);
        build::build(service, &slot)?;
        let (users, items, summary) = read(&slot.folder, &service.content, cache)?;
        tracing::info!(users = summary.users, seconds = start.elapsed().as_secs_f64(), "store made");
        Ok((Self { users, count: summary.users, head: summary.head, _slot: slot }, items))
    }

    /// What holds for all lists.
    pub(crate) fn head(&self) -> &ListsHead {
        &self.head
    }

    /// How many users there are.
    pub(crate) fn users(&self) -> u64 {
        self.count
    }

    /// A user's history and list; `None` when there is no such user.
    ///
    /// # Errors
    /// When the row cannot be read or is damaged.
    pub(crate) fn user(&self, id: &str) -> Result<Option<UserRecord>, StoreError> {
        let Some(row) = self.users.get(id).map_err(|error| StoreError::of_sled(Path::new(USERS), error))? else {
            return Ok(None);
        };
        let damaged = || StoreError::Damaged {
            path: PathBuf::from(USERS),
            problem: format!("the row of user '{id}' is damaged"),
        };
        UserRecord::decode(id.as_bytes(), &row).map(Some).ok_or_else(damaged)
    }

    /// The first users, in the order of their bytes, whose identifiers begin so.
    pub(crate) fn users_with_prefix(&self, prefix: &str, count: usize) -> Vec<String> {
        let keys = self.users.scan_prefix(prefix).keys().take(count);
        keys.filter_map(|key| String::from_utf8(key.ok()?.to_vec()).ok()).collect()
    }
}

/// Opens a store and reads every row of it.
fn read(folder: &Path, content: &str, cache: u64) -> Result<(sled::Tree, Vec<ItemRow>, Summary), StoreError> {
    let damaged = |problem: String| StoreError::Damaged { path: folder.to_owned(), problem };
    let path = folder.join(Summary::FILE);
    let bytes = std::fs::read(&path).map_err(|error| StoreError::Io { path, error })?;
    let expected: Summary =
        serde_json::from_slice(&bytes).map_err(|error| damaged(format!("{}: {error}", Summary::FILE)))?;
    if (expected.format, expected.content.as_str()) != (FORMAT, content) {
        return Err(damaged("it has another format or content".to_owned()));
    }
    // On damaged files sled panics as often as it reports an error.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = database(folder, cache)?;
        let tree = |name: &str| db.open_tree(name).map_err(|error| StoreError::of_sled(folder, error));
        let (users, items) = (tree(USERS)?, tree(ITEMS)?);
        let mut found = Summary { users: 0, items: 0, checksums: 0, ..expected.clone() };
        found.users = count(&users, &mut found.checksums, folder)?;
        found.items = count(&items, &mut found.checksums, folder)?;
        if found != expected {
            return Err(damaged(format!(
                "it has {} users and {} items, or others than were written",
                found.users, found.items
            )));
        }
        let rows = (0..expected.items as u32).map(|item| {
            let row = items.get(item_key(item)).map_err(|error| StoreError::of_sled(folder, error))?;
            row.and_then(|row| decode_json(&item_key(item), &row))
                .ok_or_else(|| damaged(format!("item {item} is damaged")))
        });
        let rows: Vec<ItemRow> = rows.collect::<Result<_, _>>()?;
        Ok((users, rows))
    }));
    let (users, items) = opened.unwrap_or_else(|_| Err(damaged("sled cannot read it".to_owned())))?;
    Ok((users, items, expected))
}

/// Counts the rows of a tree, which must all be whole.
fn count(tree: &sled::Tree, checksums: &mut u64, folder: &Path) -> Result<u64, StoreError> {
    let mut rows = 0;
    for row in tree {
        let (key, row) = row.map_err(|error| StoreError::of_sled(folder, error))?;
        if !is_whole(&key, &row) {
            let problem = format!("row {rows} of {} is damaged", String::from_utf8_lossy(&tree.name()));
            return Err(StoreError::Damaged { path: folder.to_owned(), problem });
        }
        *checksums = checksums.wrapping_add(checksum(&row));
        rows += 1;
    }
    Ok(rows)
}

/// The database in a store's folder. sled lets go of its lock some time after it was closed, so this waits a moment.
fn database(folder: &Path, cache: u64) -> Result<sled::Db, StoreError> {
    let path = folder.join("sled");
    remove_half_written_snapshots(&path);
    let start = Instant::now();
    loop {
        let opened = sled::Config::new().path(&path).cache_capacity(cache).flush_every_ms(None).open();
        match opened {
            Ok(db) => return Ok(db),
            Err(error) if error.to_string().contains("could not acquire lock") && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(StoreError::of_sled(&path, error)),
        }
    }
}

/// A kill while sled writes a snapshot leaves `snap.*.generating`, with which it refuses to open (sled issue 1527).
fn remove_half_written_snapshots(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let half =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "generating"));
    // One that cannot be removed is reported by sled.
    half.for_each(|path| drop(std::fs::remove_file(path)));
}

fn item_key(item: u32) -> [u8; 4] {
    item.to_be_bytes()
}
