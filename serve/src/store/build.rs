//! Making a store: the worker prints rows, which go into sled; the folder appears whole or not at all.

use super::folder::Slot;
use super::record::{UserRecord, checksum, encode_json};
use super::{CACHE_OF_BUILD, FORMAT, StoreError, Summary, database, item_key};
use contract::questions::{ItemRow, Lists, ListsHead, ListsRow, Question as _, Request, Service, UserRow};
use contract::{Event, Failure};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How many rows are written in one step. With more of them sled keeps many versions of its pages: 1,000,000 users took 165 MiB with
/// 200 rows a step, 690 MiB with 1,000 and 3.3 GiB with 20,000, and none was faster.
const BATCH: usize = 200;

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
    let lines = BufReader::new(child.stdout.take().ok_or_else(|| worker(service, "it has no output"))?);
    let db = database(folder, CACHE_OF_BUILD)?;
    let mut writer = Writer::new(&db, service)?;
    for line in lines.split(b'\n') {
        let line = line.map_err(|error| worker(service, error))?;
        if let Ok(Event::Failed { failure }) = serde_json::from_slice(&line) {
            return Err(StoreError::Results(failure));
        }
        writer.take(serde_json::from_slice(&line).map_err(|error| worker(service, error))?)?;
    }
    let summary = writer.finish();
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

/// Writes rows in batches and counts them.
struct Writer {
    db: sled::Db,
    users: sled::Tree,
    items: sled::Tree,
    batch: sled::Batch,
    batched: usize,
    summary: Summary,
    is_complete: bool,
}

impl Writer {
    fn new(db: &sled::Db, service: &Service) -> Result<Self, StoreError> {
        let tree = |name: &str| db.open_tree(name).map_err(|error| StoreError::of_sled(Path::new(name), error));
        let head = ListsHead { items: 0, max_history: 0, popular: Vec::new(), not_live: None };
        let content = service.content.clone();
        let summary = Summary { format: FORMAT, content, users: 0, items: 0, checksums: 0, head };
        let (users, items) = (tree(super::USERS)?, tree(super::ITEMS)?);
        Ok(Self {
            db: db.clone(),
            users,
            items,
            batch: sled::Batch::default(),
            batched: 0,
            summary,
            is_complete: false,
        })
    }

    fn take(&mut self, row: ListsRow) -> Result<(), StoreError> {
        match row {
            ListsRow::Head(head) => self.summary.head = head,
            ListsRow::Item(item) => self.item(&item)?,
            ListsRow::User(user) => self.user(user)?,
            ListsRow::End { users } => {
                self.write()?;
                self.is_complete =
                    users == self.summary.users && self.summary.items == u64::from(self.summary.head.items);
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &ItemRow) -> Result<(), StoreError> {
        let key = item_key(self.summary.items as u32);
        let row =
            encode_json(&key, item).map_err(|error| StoreError::Results(Failure::other("write an item", error)))?;
        self.summary.add(&row);
        self.summary.items += 1;
        self.items.insert(key, row).map(drop).map_err(|error| StoreError::of_sled(Path::new(super::ITEMS), error))
    }

    fn user(&mut self, user: UserRow) -> Result<(), StoreError> {
        let key = user.id.into_bytes();
        let row = UserRecord { history: user.history, list: user.list }.encode(&key);
        self.summary.add(&row);
        self.summary.users += 1;
        self.batch.insert(key, row);
        self.batched += 1;
        if self.batched == BATCH { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.batched = 0;
        let batch = std::mem::take(&mut self.batch);
        let written = self.users.apply_batch(batch).and_then(|()| self.db.flush().map(drop));
        written.map_err(|error| StoreError::of_sled(Path::new(super::USERS), error))
    }

    fn finish(self) -> Option<Summary> {
        self.is_complete.then_some(self.summary)
    }
}

impl Summary {
    fn add(&mut self, row: &[u8]) {
        self.checksums = self.checksums.wrapping_add(checksum(row));
    }
}
