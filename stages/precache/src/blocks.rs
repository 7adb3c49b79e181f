//! Lists that are kept while others are still being found: an attempt that was stopped goes on behind them.
//!
//! A block is a folder of rankings. `blocks.json`, written after it, names all blocks in order with what is in them. A block that is
//! damaged ends what can be used.

use contract::{Context, Failure, Result};
use frames::{RankedList, Rankings};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const INDEX: &str = "blocks.json";

/// The file of a block, as [`Rankings::write`] names it.
const TABLE: &str = "rankings.parquet";

/// The blocks of one set of lists.
#[derive(Debug)]
pub(crate) struct Blocks {
    folder: Option<PathBuf>,
    pause: Duration,
    last: Instant,
    blocks: Vec<Block>,
}

/// What is in a block.
#[derive(Debug, Serialize, Deserialize)]
struct Block {
    /// How many users it has lists for, some of which may be empty.
    users: usize,
    /// The BLAKE3 digest of its file.
    digest: String,
}

impl Blocks {
    /// Nothing is kept.
    pub(crate) fn none() -> Self {
        Self { folder: None, pause: Duration::MAX, last: Instant::now(), blocks: Vec::new() }
    }

    /// The blocks in a folder of that name below the context's checkpoint; without one nothing is kept.
    pub(crate) fn of(context: &Context, name: &str) -> Self {
        let folder = context.checkpoint().map(|folder| folder.join(name));
        let folder = folder.filter(|folder| fs::create_dir_all(folder).is_ok());
        Self { folder, pause: context.checkpoint_pause(), last: Instant::now(), blocks: Vec::new() }
    }

    /// The same, kept after every batch.
    #[cfg(test)]
    pub(crate) fn without_pause(self) -> Self {
        Self { pause: Duration::ZERO, ..self }
    }

    /// The lists of the first of these users, as far as blocks have them.
    pub(crate) fn read(&mut self, users: &[u32], context: &Context) -> Rankings {
        let mut rankings = Rankings::default();
        let Some(folder) = self.folder.clone() else { return rankings };
        let Ok(bytes) = fs::read(folder.join(INDEX)) else { return rankings };
        let blocks: Vec<Block> = serde_json::from_slice(&bytes).unwrap_or_default();
        for block in blocks {
            let place = folder.join(self.blocks.len().to_string());
            let users = &users[rankings.kept.len()..];
            match block.read(&place, users) {
                Ok(lists) => {
                    rankings.kept.extend(lists.kept);
                    rankings.excluded.extend(lists.excluded);
                    self.blocks.push(block);
                }
                Err(failure) => {
                    context.log(format!("lists of a block cannot be used and are made again: {failure}"));
                    break;
                }
            }
        }
        if !rankings.kept.is_empty() {
            context.log(format!("going on behind the lists of {} users", rankings.kept.len()));
        }
        rankings
    }

    /// Keeps what is new in the lists, if it is time. The search goes on without when it cannot be written.
    pub(crate) fn keep(&mut self, rankings: &Rankings, context: &Context) {
        let Some(folder) = self.folder.as_deref().filter(|_| self.last.elapsed() >= self.pause) else { return };
        let first: usize = self.blocks.iter().map(|block| block.users).sum();
        let new = |lists: &[RankedList]| lists[first..].to_vec();
        let lists = Rankings { kept: new(&rankings.kept), excluded: new(&rankings.excluded) };
        let written = Block::write(&folder.join(self.blocks.len().to_string()), &lists).and_then(|block| {
            self.blocks.push(block);
            publish(folder, &self.blocks)
        });
        if let Err(failure) = written {
            context.log(format!("lists were not kept for a later attempt: {failure}"));
            self.folder = None;
        }
        self.last = Instant::now();
    }
}

impl Block {
    fn write(place: &Path, lists: &Rankings) -> Result<Self> {
        let failed = |error| Failure::writing(place, error);
        fs::create_dir_all(place).map_err(failed)?;
        lists.write(place)?;
        let file = place.join(TABLE);
        fs::File::open(&file).and_then(|file| file.sync_all()).map_err(failed)?;
        Ok(Self { users: lists.kept.len(), digest: digest(&file)? })
    }

    /// Its lists, for the first of these users.
    fn read(&self, place: &Path, users: &[u32]) -> Result<Rankings> {
        let file = place.join(TABLE);
        let damaged = |why: &str| Err(Failure::reading(&file, why));
        if digest(&file)? != self.digest {
            return damaged("its content is not what was written");
        }
        let Some(users) = users.get(..self.users).filter(|users| !users.is_empty()) else {
            return damaged("it has lists of more users than there are");
        };
        let read = Rankings::read(place)?;
        let of_users = |lists: Vec<RankedList>| -> Vec<RankedList> {
            let mut by_user: HashMap<u32, Vec<(u32, f32)>> =
                lists.into_iter().map(|list| (list.user, list.items)).collect();
            let list = |&user: &u32| RankedList { user, items: by_user.remove(&user).unwrap_or_default() };
            users.iter().map(list).collect()
        };
        Ok(Rankings { kept: of_users(read.kept), excluded: of_users(read.excluded) })
    }
}

fn publish(folder: &Path, blocks: &[Block]) -> Result<()> {
    let next = folder.join("new.json");
    let written = || -> std::io::Result<()> {
        fs::write(&next, serde_json::to_vec(blocks)?)?;
        fs::File::open(&next)?.sync_all()?;
        fs::rename(&next, folder.join(INDEX))?;
        fs::File::open(folder)?.sync_all()
    };
    written().map_err(|error| Failure::writing(folder, error))
}

fn digest(file: &Path) -> Result<String> {
    let bytes = fs::read(file).map_err(|error| Failure::reading(file, error))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn context(checkpoint: &Path) -> Context {
        let spec = json!({"uses": "precache", "parameters": {}, "inputs": {}, "outputs": {}, "seed": 5, "threads": 1,
            "device": "cpu", "checkpoint": checkpoint});
        Context::new(serde_json::from_value(spec).unwrap())
    }

    /// Lists of users 9, 8, 7, ..., every third of whom has none without seen items.
    fn lists(users: u32) -> Rankings {
        let list = |user: u32, items: u32| RankedList {
            user,
            items: (0..items).map(|item| (item + user, 1.0 / (1.0 + item as f32 + user as f32))).collect(),
        };
        let users = || (10 - users..10).rev();
        Rankings {
            kept: users().map(|user| list(user, 4)).collect(),
            excluded: users().map(|user| list(user, user % 3)).collect(),
        }
    }

    #[test]
    fn whole_blocks_come_back_and_damaged_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        let of_name = |name: &str| Blocks::of(&context, name).without_pause();
        let users: Vec<u32> = (0..10).rev().collect();
        let mut blocks = of_name("rankings");
        assert_eq!(blocks.read(&users, &context), Rankings::default());
        for so_far in [2, 5, 9] {
            blocks.keep(&lists(so_far), &context);
        }
        assert_eq!(of_name("rankings").read(&users, &context), lists(9));
        assert_eq!(of_name("validation").read(&users, &context), Rankings::default());
        // Going on behind them, and again.
        let mut blocks = of_name("rankings");
        drop(blocks.read(&users, &context));
        blocks.keep(&lists(10), &context);
        assert_eq!(of_name("rankings").read(&users, &context), lists(10));
        // Of the second block one byte is another: the first alone is of use, and a new second takes its place.
        let file = folder.path().join("rankings/1").join(TABLE);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
        let mut blocks = of_name("rankings");
        assert_eq!(blocks.read(&users, &context), lists(2));
        blocks.keep(&lists(3), &context);
        assert_eq!(of_name("rankings").read(&users, &context), lists(3));
        fs::write(folder.path().join("rankings").join(INDEX), "[").unwrap();
        assert_eq!(of_name("rankings").read(&users, &context), Rankings::default());
    }
}
