//! Lists that are kept while others are still being found: an attempt that was stopped goes on behind them.
//!
//! A block is a folder of rankings: the lists of whole batches of users, so that those of the other batches come out as if nothing
//! had been kept. `blocks.json`, written after it, names all blocks in order with what is in them. A block that is damaged ends what
//! can be used. Each rank has a folder of its own, and all read all of them, so that an attempt may have other ranks than the last.

use contract::{Context, Failure, Result};
use frames::{RankedList, Rankings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const INDEX: &str = "blocks.json";

/// The file of a block, as [`Rankings::write`] names it.
const TABLE: &str = "rankings.parquet";

/// The lists of batches of users, by the batch's number.
pub(crate) type Batches = BTreeMap<usize, Rankings>;

/// The blocks of one set of lists.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// The folder of all ranks.
    folder: Option<PathBuf>,
    rank: usize,
    pause: Duration,
    last: Instant,
    /// Those of this rank.
    blocks: Vec<Block>,
    /// What is not in a block yet.
    waiting: Batches,
}

/// What is in a block.
#[derive(Debug, Serialize, Deserialize)]
struct Block {
    /// The numbers of its batches.
    batches: Vec<usize>,
    /// The BLAKE3 digest of its file.
    digest: String,
}

impl Blocks {
    /// Nothing is kept.
    pub(crate) fn none() -> Self {
        let (blocks, waiting) = (Vec::new(), Batches::new());
        Self { folder: None, rank: 0, pause: Duration::MAX, last: Instant::now(), blocks, waiting }
    }

    /// The blocks in a folder of that name below the context's checkpoint; without one nothing is kept.
    pub(crate) fn of(context: &Context, name: &str) -> Self {
        let folder = context.checkpoint().map(|folder| folder.join(name));
        let rank = context.rank().number;
        let folder = folder.filter(|folder| fs::create_dir_all(of_rank(folder, rank)).is_ok());
        Self { folder, rank, pause: context.checkpoint_pause(), ..Self::none() }
    }

    /// The same, kept after every batch.
    #[cfg(test)]
    pub(crate) fn without_pause(self) -> Self {
        Self { pause: Duration::ZERO, ..self }
    }

    /// The lists of those of these batches that blocks have, of any rank.
    ///
    /// `batches` are the users of each, in order.
    pub(crate) fn read(&mut self, batches: &[Vec<u32>], context: &Context) -> Batches {
        let mut found = Batches::new();
        let Some(folder) = self.folder.clone() else { return found };
        for (rank, folder) in ranks_in(&folder) {
            let Ok(bytes) = fs::read(folder.join(INDEX)) else { continue };
            let blocks: Vec<Block> = serde_json::from_slice(&bytes).unwrap_or_default();
            for (number, block) in blocks.into_iter().enumerate() {
                match block.read(&folder.join(number.to_string()), batches) {
                    Ok(lists) => found.extend(lists),
                    Err(failure) => {
                        context.log(format!("lists of a block cannot be used and are made again: {failure}"));
                        break;
                    }
                }
                if rank == self.rank {
                    self.blocks.push(block);
                }
            }
        }
        if !found.is_empty() {
            let users: usize = found.values().map(|lists| lists.kept.len()).sum();
            context.log(format!("going on behind the lists of {users} users"));
        }
        found
    }

    /// Keeps the lists of a batch, with those before it that wait, if it is time. The search goes on without when they cannot be
    /// written.
    pub(crate) fn keep(&mut self, batch: usize, lists: &Rankings, context: &Context) {
        let Some(folder) = &self.folder else { return };
        self.waiting.insert(batch, lists.clone());
        if self.last.elapsed() < self.pause {
            return;
        }
        let folder = of_rank(folder, self.rank);
        let written = Block::write(&folder.join(self.blocks.len().to_string()), &self.waiting).and_then(|block| {
            self.blocks.push(block);
            frames::replace_json(&folder, INDEX, &self.blocks)
        });
        if let Err(failure) = written {
            context.log(format!("lists were not kept for a later attempt: {failure}"));
            self.folder = None;
        }
        self.waiting.clear();
        self.last = Instant::now();
    }
}

/// The folder of a rank.
fn of_rank(folder: &Path, rank: usize) -> PathBuf {
    folder.join(format!("rank-{rank}"))
}

/// The ranks that have a folder, in order.
fn ranks_in(folder: &Path) -> BTreeMap<usize, PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let rank = |entry: fs::DirEntry| {
        let number = entry.file_name().to_str()?.strip_prefix("rank-")?.parse().ok()?;
        Some((number, entry.path()))
    };
    entries.filter_map(rank).collect()
}

impl Block {
    fn write(place: &Path, batches: &Batches) -> Result<Self> {
        let failed = |error| Failure::writing(place, error);
        fs::create_dir_all(place).map_err(failed)?;
        let all = |lists: fn(&Rankings) -> &Vec<RankedList>| batches.values().flat_map(lists).cloned().collect();
        Rankings { kept: all(|lists| &lists.kept), excluded: all(|lists| &lists.excluded) }.write(place)?;
        let file = place.join(TABLE);
        fs::File::open(&file).and_then(|file| file.sync_all()).map_err(failed)?;
        Ok(Self { batches: batches.keys().copied().collect(), digest: digest(&file)? })
    }

    /// Its lists, of these batches' users.
    fn read(&self, place: &Path, batches: &[Vec<u32>]) -> Result<Batches> {
        let file = place.join(TABLE);
        if digest(&file)? != self.digest {
            return Err(Failure::reading(&file, "its content is not what was written"));
        }
        let read = Rankings::read(place)?;
        let by_user = |lists: Vec<RankedList>| -> HashMap<u32, Vec<(u32, f32)>> {
            lists.into_iter().map(|list| (list.user, list.items)).collect()
        };
        let (mut kept, mut excluded) = (by_user(read.kept), by_user(read.excluded));
        let mut found = Batches::new();
        for &batch in &self.batches {
            let Some(users) = batches.get(batch) else {
                return Err(Failure::reading(&file, format!("it has batch {batch} of {}", batches.len())));
            };
            // A user whose items were all seen has an empty list, of which a table has no row.
            let take = |lists: &mut HashMap<u32, Vec<(u32, f32)>>| {
                users.iter().map(|&user| RankedList { user, items: lists.remove(&user).unwrap_or_default() }).collect()
            };
            found.insert(batch, Rankings { kept: take(&mut kept), excluded: take(&mut excluded) });
        }
        Ok(found)
    }
}

fn digest(file: &Path) -> Result<String> {
    let bytes = fs::read(file).map_err(|error| Failure::reading(file, error))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn context(checkpoint: &Path, rank: usize) -> Context {
        let spec = json!({"uses": "precache", "parameters": {}, "inputs": {}, "outputs": {}, "seed": 5, "threads": 1,
            "device": "cpu", "checkpoint": checkpoint, "rank": {"number": rank, "count": 2}});
        Context::new(serde_json::from_value(spec).unwrap())
    }

    /// Five batches of two users each.
    fn users() -> Vec<Vec<u32>> {
        (0..5).map(|batch| vec![9 - 2 * batch, 8 - 2 * batch]).collect()
    }

    /// The lists of a batch; every third user has none without seen items.
    fn lists(batch: usize) -> Rankings {
        let list = |user: u32, items: u32| RankedList {
            user,
            items: (0..items).map(|item| (item + user, 1.0 / (1.0 + item as f32 + user as f32))).collect(),
        };
        let users = &users()[batch];
        Rankings {
            kept: users.iter().map(|&user| list(user, 4)).collect(),
            excluded: users.iter().map(|&user| list(user, user % 3)).collect(),
        }
    }

    fn expected(batches: &[usize]) -> Batches {
        batches.iter().map(|&batch| (batch, lists(batch))).collect()
    }

    #[test]
    fn whole_blocks_come_back_and_damaged_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path(), 0);
        let of_name = |name: &str| Blocks::of(&context, name).without_pause();
        let read = || of_name("rankings").read(&users(), &context);
        let mut blocks = of_name("rankings");
        assert_eq!(blocks.read(&users(), &context), Batches::new());
        for batch in [0, 2, 3] {
            blocks.keep(batch, &lists(batch), &context);
        }
        assert_eq!(read(), expected(&[0, 2, 3]));
        assert_eq!(of_name("validation").read(&users(), &context), Batches::new());
        // Going on behind them, and again.
        let mut blocks = of_name("rankings");
        drop(blocks.read(&users(), &context));
        blocks.keep(4, &lists(4), &context);
        assert_eq!(read(), expected(&[0, 2, 3, 4]));
        // Of the second block one byte is another: the first alone is of use, and a new second takes its place.
        let file = folder.path().join("rankings/rank-0/1").join(TABLE);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
        let mut blocks = of_name("rankings");
        assert_eq!(blocks.read(&users(), &context), expected(&[0]));
        blocks.keep(1, &lists(1), &context);
        assert_eq!(read(), expected(&[0, 1]));
        fs::write(folder.path().join("rankings/rank-0").join(INDEX), "[").unwrap();
        assert_eq!(read(), Batches::new());
    }

    #[test]
    fn lists_of_all_ranks_are_read_and_those_that_wait_are_kept_together() {
        let folder = tempfile::tempdir().unwrap();
        let contexts = [context(folder.path(), 0), context(folder.path(), 1)];
        let [mut first, mut second] = [0, 1].map(|rank| Blocks::of(&contexts[rank], "rankings"));
        first.keep(0, &lists(0), &contexts[0]);
        first = first.without_pause();
        first.keep(2, &lists(2), &contexts[0]);
        second = second.without_pause();
        second.keep(1, &lists(1), &contexts[1]);
        for context in &contexts {
            assert_eq!(Blocks::of(context, "rankings").read(&users(), context), expected(&[0, 1, 2]));
        }
        assert!(folder.path().join("rankings/rank-0/0").is_dir() && !folder.path().join("rankings/rank-0/1").exists());
    }
}
