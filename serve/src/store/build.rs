//! Making a store: the worker prints rows, users are sorted and go into sled by blocks; the folder appears whole or not at all.

use super::folder::Slot;
use super::record::{UserBlock, checksum, encode_json};
use super::{CACHE_OF_BUILD, FORMAT, StoreError, Summary, database, item_key};
use contract::questions::{ItemRow, Lists, ListsHead, ListsRow, Question as _, Request, Service, UserRow};
use contract::{Event, Failure, FailureKind};
use ext_sort::buffer::LimitedBufferBuilder;
use ext_sort::{ExternalSorter, ExternalSorterBuilder, SortError};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How many users are a row of the store. sled keeps a table of its pages, with at most 16 rows in each, so memory of the server grows by
/// two bytes for each user instead of 33; and a lookup reads one row.
const BLOCK: usize = 16;

/// How many blocks are written in one step. With more of them sled keeps many versions of its pages.
const STEP: usize = 16;

/// How many users are sorted in memory at once.
const SORTED_IN_MEMORY: usize = 100_000;

/// How many similar items are kept for each item.
const SIMILAR: usize = 20;

/// Makes the store of a service in a slot.
///
/// # Errors
/// When the worker cannot read the results, or the store cannot be written.
pub(super) fn build(service: &Service, slot: &Slot) -> Result<(), StoreError> {
    let io = |path: &Path, error| StoreError::Io { path: path.to_owned(), error };
    for old in [&slot.building, &slot.folder] {
        match std::fs::remove_dir_all(old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(old, error)),
            _ => {}
        }
    }
    std::fs::create_dir_all(&slot.building).map_err(|error| io(&slot.building, error))?;
    let summary = fill(service, &slot.building)?;
    let path = slot.building.join(Summary::FILE);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(serde_json::to_string(&summary)?.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| io(&path, error))?;
    let rename = || {
        std::fs::rename(&slot.building, &slot.folder)?;
        slot.folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    rename().map_err(|error| io(&slot.folder, error))
}

/// Writes all rows that the worker prints.
fn fill(service: &Service, folder: &Path) -> Result<Summary, StoreError> {
    let mut child = start(service)?;
    let lines = BufReader::new(child.stdout.take().ok_or_else(|| worker(service, "it has no output"))?).split(b'\n');
    let db = database(folder, CACHE_OF_BUILD)?;
    let mut writer = Writer::new(&db, service)?;
    let sorter = sorter(folder)?;
    let users = lines.filter_map(|line| writer.take(service, line).transpose());
    let sorted = sorter.sort_by(users, |one, other| one.id.cmp(&other.id)).map_err(|error| unsorted(folder, error))?;
    let mut users = Vec::with_capacity(BLOCK);
    for user in sorted {
        users.push(user.map_err(|error| StoreError::Io { path: folder.to_owned(), error: other(&error) })?);
        if users.len() == BLOCK {
            writer.block(&mut users)?;
        }
    }
    writer.block(&mut users)?;
    let summary = writer.finish()?;
    db.flush().map_err(|error| StoreError::of_sled(folder, error))?;
    let status = child.wait().map_err(|error| worker(service, error))?;
    let mut errors = String::new();
    if let Some(mut pipe) = child.stderr.take() {
        drop(pipe.read_to_string(&mut errors));
    }
    summary
        .filter(|_| status.success())
        .ok_or_else(|| worker(service, format!("{status} before its last row: {errors}")))
}

/// Sorts users by their identifiers, with files below the folder.
fn sorter(folder: &Path) -> Result<ExternalSorter<UserRow, StoreError>, StoreError> {
    ExternalSorterBuilder::new()
        .with_tmp_dir(folder)
        .with_threads_number(1)
        .with_buffer(LimitedBufferBuilder::new(SORTED_IN_MEMORY, false))
        .build()
        .map_err(|error| unsorted(folder, error))
}

fn unsorted<S, D>(folder: &Path, error: SortError<S, D, StoreError>) -> StoreError
where
    S: std::error::Error + 'static,
    D: std::error::Error + 'static,
{
    let error = match error {
        SortError::InputError(error) => return error,
        SortError::TempDir(error) | SortError::IO(error) => error,
        error => other(&error),
    };
    StoreError::Io { path: folder.to_owned(), error }
}

fn other(error: &dyn std::error::Error) -> std::io::Error {
    std::io::Error::other(error.to_string())
}

fn start(service: &Service) -> Result<Child, StoreError> {
    let request = Lists { stage: service.stage.clone(), similar: SIMILAR, new_items: service.new_items.clone() };
    let request = serde_json::to_string(&Request::new(request)).map_err(|error| worker(service, error))?;
    let mut command = Command::new(&service.worker);
    command.arg(Lists::NAME).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| worker(service, error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A worker that is gone already is found by its exit status.
        drop(writeln!(stdin, "{request}"));
    }
    Ok(child)
}

fn worker(service: &Service, error: impl std::fmt::Display) -> StoreError {
    StoreError::Worker { worker: service.worker.clone(), message: error.to_string() }
}

/// Writes rows and counts them.
struct Writer {
    db: sled::Db,
    users: sled::Tree,
    items: sled::Tree,
    batch: sled::Batch,
    batched: usize,
    /// The last user of the block before.
    last: Option<String>,
    summary: Summary,
    /// How many users the worker says that it printed.
    end: Option<u64>,
}

impl Writer {
    fn new(db: &sled::Db, service: &Service) -> Result<Self, StoreError> {
        let tree = |name: &str| db.open_tree(name).map_err(|error| StoreError::of_sled(Path::new(name), error));
        let head = ListsHead { items: 0, max_history: 0, popular: Vec::new(), not_live: None };
        let content = service.content.clone();
        let summary = Summary { format: FORMAT, content, users: 0, items: 0, checksums: 0, head };
        let (users, items) = (tree(super::USERS)?, tree(super::ITEMS)?);
        let batch = sled::Batch::default();
        Ok(Self { db: db.clone(), users, items, batch, batched: 0, last: None, summary, end: None })
    }

    /// Takes a line of the worker; a user is handed on.
    fn take(&mut self, service: &Service, line: std::io::Result<Vec<u8>>) -> Result<Option<UserRow>, StoreError> {
        let line = line.map_err(|error| worker(service, error))?;
        if let Ok(Event::Failed { failure }) = serde_json::from_slice(&line) {
            return Err(StoreError::Results(failure));
        }
        match serde_json::from_slice(&line).map_err(|error| worker(service, error))? {
            ListsRow::Head(head) => self.summary.head = head,
            ListsRow::Item(item) => self.item(&item)?,
            ListsRow::User(user) => return Ok(Some(user)),
            ListsRow::End { users } => self.end = Some(users),
        }
        Ok(None)
    }

    fn item(&mut self, item: &ItemRow) -> Result<(), StoreError> {
        let key = item_key(self.summary.items as u32);
        let row =
            encode_json(&key, item).map_err(|error| StoreError::Results(Failure::other("write an item", error)))?;
        self.summary.add(&row);
        self.summary.items += 1;
        self.items.insert(key, row).map(drop).map_err(|error| StoreError::of_sled(Path::new(super::ITEMS), error))
    }

    /// Writes users, who come in the order of their identifiers, as a row.
    fn block(&mut self, users: &mut Vec<UserRow>) -> Result<(), StoreError> {
        let Some(first) = users.first() else { return Ok(()) };
        let ids = self.last.iter().chain(users.iter().map(|user| &user.id));
        if let Some((id, _)) = ids.clone().zip(ids.skip(1)).find(|(one, next)| one == next) {
            let message = format!("two users have the identifier '{id}'");
            return Err(StoreError::Results(Failure::new(FailureKind::Conflict, message)));
        }
        let key = first.id.clone().into_bytes();
        let row = UserBlock::encode(&key, users);
        self.summary.add(&row);
        self.summary.users += users.len() as u64;
        self.last = users.drain(..).next_back().map(|user| user.id);
        self.batch.insert(key, row);
        self.batched += 1;
        if self.batched == STEP { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.batched = 0;
        let batch = std::mem::take(&mut self.batch);
        let written = self.users.apply_batch(batch).and_then(|()| self.db.flush().map(drop));
        written.map_err(|error| StoreError::of_sled(Path::new(super::USERS), error))
    }

    /// What was written; `None` where it is not all that the worker has.
    fn finish(mut self) -> Result<Option<Summary>, StoreError> {
        self.write()?;
        let is_complete =
            self.end == Some(self.summary.users) && self.summary.items == u64::from(self.summary.head.items);
        Ok(is_complete.then_some(self.summary))
    }
}

impl Summary {
    fn add(&mut self, row: &[u8]) {
        self.checksums = self.checksums.wrapping_add(checksum(row));
    }
}
