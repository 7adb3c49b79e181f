//! The online store: users' histories and lists in sled, derived from a result on first use, checked when opened.

mod build;
mod folder;
mod record;

pub(crate) use record::UserRecord;

use contract::Failure;
use contract::questions::{ItemRow, ListsHead, Service};
use folder::Slot;
use record::{UserBlock, checksum, decode_json, is_whole};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The form of stores. One of another form is made anew.
const FORMAT: u32 = 2;

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
        let Some((key, row)) = self.block_with(id)? else { return Ok(None) };
        let block = UserBlock::open(&key, &row).ok_or_else(|| StoreError::Damaged {
            path: PathBuf::from(USERS),
            problem: format!("the row that would have the user '{id}' is damaged"),
        })?;
        Ok(block.find(id))
    }

    /// The first users, in the order of their bytes, whose identifiers begin so. Rows that cannot be read are left out.
    pub(crate) fn users_with_prefix(&self, prefix: &str, count: usize) -> Vec<String> {
        let first = self.block_with(prefix).ok().flatten().map_or_else(|| prefix.into(), |(key, _)| key);
        let blocks = self.users.range(first..).filter_map(Result::ok);
        let ids = blocks.flat_map(|(key, row)| {
            let ids: Vec<Vec<u8>> =
                UserBlock::open(&key, &row).iter().flat_map(UserBlock::ids).map(<[u8]>::to_vec).collect();
            ids
        });
        ids.skip_while(|id| id.as_slice() < prefix.as_bytes())
            .take_while(|id| id.starts_with(prefix.as_bytes()))
            .filter_map(|id| String::from_utf8(id).ok())
            .take(count)
            .collect()
    }

    /// The block that has the user with that identifier, if any has: the last one whose first user is not after it.
    fn block_with(&self, id: &str) -> Result<Option<(sled::IVec, sled::IVec)>, StoreError> {
        let last = self.users.range(..=id).next_back().transpose();
        last.map_err(|error| StoreError::of_sled(Path::new(USERS), error))
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
        let whole = |key: &[u8], row: &[u8]| is_whole(key, row).then_some(1);
        found.items = count(&items, whole, &mut found.checksums, folder)?;
        let of_block = |key: &[u8], row: &[u8]| UserBlock::open(key, row).map(|block| block.ids().count() as u64);
        found.users = count(&users, of_block, &mut found.checksums, folder)?;
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

/// Counts what the rows of a tree have, by a function that has `None` for a damaged one.
fn count(
    tree: &sled::Tree,
    of_row: impl Fn(&[u8], &[u8]) -> Option<u64>,
    checksums: &mut u64,
    folder: &Path,
) -> Result<u64, StoreError> {
    let mut sum = 0;
    for (number, row) in tree.iter().enumerate() {
        let (key, row) = row.map_err(|error| StoreError::of_sled(folder, error))?;
        sum += of_row(&key, &row).ok_or_else(|| {
            let problem = format!("row {number} of {} is damaged", String::from_utf8_lossy(&tree.name()));
            StoreError::Damaged { path: folder.to_owned(), problem }
        })?;
        *checksums = checksums.wrapping_add(checksum(&row));
    }
    Ok(sum)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use contract::questions::UserRow;

    /// A store with these users, three in a block.
    fn store(folder: &Path, ids: &[&str]) -> OnlineStore {
        let db = database(&folder.join("store"), CACHE_OF_BUILD).unwrap();
        let users = db.open_tree(USERS).unwrap();
        for block in ids.chunks(3) {
            let user = |id: &&str| UserRow { id: (*id).to_owned(), history: vec![id.len() as u32], list: Vec::new() };
            let block: Vec<UserRow> = block.iter().map(user).collect();
            let key = block[0].id.as_bytes();
            users.insert(key, UserBlock::encode(key, &block)).unwrap();
        }
        let head = ListsHead { items: 0, max_history: 0, popular: Vec::new(), not_live: None };
        OnlineStore { users, count: ids.len() as u64, head, _slot: Slot::take(folder, "content").unwrap() }
    }

    #[test]
    fn each_user_is_found_in_its_block_and_no_other_is() {
        let folder = tempfile::tempdir().unwrap();
        let ids = ["B", "BA", "BB", "C", "Ca", "Cab", "Cb", "D"];
        let store = store(folder.path(), &ids);
        for id in ids {
            assert_eq!(store.user(id).unwrap().unwrap().history, [id.len() as u32], "{id}");
        }
        for id in ["", "A", "BAA", "BZ", "Caa", "Cc", "E"] {
            assert_eq!(store.user(id).unwrap(), None, "{id}");
        }
    }

    #[test]
    fn users_with_a_prefix_are_found_across_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let ids = ["B", "BA", "BB", "C", "Ca", "Cab", "Cb", "D"];
        let store = store(folder.path(), &ids);
        assert_eq!(store.users_with_prefix("", 100), ids);
        assert_eq!(store.users_with_prefix("", 4), ids[..4]);
        assert_eq!(store.users_with_prefix("BB", 4), ["BB"]);
        assert_eq!(store.users_with_prefix("C", 100), ["C", "Ca", "Cab", "Cb"]);
        assert_eq!(store.users_with_prefix("A", 100), [""; 0]);
        assert_eq!(store.users_with_prefix("E", 100), [""; 0]);
    }
}
