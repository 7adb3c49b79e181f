//! Blocks of files, read by one thread, parsed by others, and taken in the order of the files.

use crate::source::blocks::Blocks;
use crate::source::{Block, Files, Lines};
use contract::{Failure, Result};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What came of a block.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// What a reader made of it.
    Parsed(T),
    /// The file cannot be read on after this line.
    Damaged(u64, Failure),
    /// The file cannot be opened.
    Unreadable(Failure),
}

enum Item {
    Block(Block),
    Damaged(u64, Failure),
    Unreadable(Failure),
}

/// Reads all files, parses their blocks on `threads` threads, and gives what comes of them to `take` in order, each with the
/// number of its file. What `take` gets does not depend on the number of threads.
pub(crate) fn read_blocks<T: Send>(
    files: &Files,
    lines: Lines,
    threads: usize,
    parse: &(impl Fn(&Block) -> T + Sync),
    take: &mut impl FnMut(usize, Outcome<T>) -> Result<()>,
) -> Result<()> {
    let outcome = |item: Item| match item {
        Item::Block(block) => Outcome::Parsed(parse(&block)),
        Item::Damaged(line, failure) => Outcome::Damaged(line, failure),
        Item::Unreadable(failure) => Outcome::Unreadable(failure),
    };
    if threads <= 1 {
        return items(files, lines, &mut |file, item| take(file, outcome(item)).map_or_else(Stop::of, |()| Ok(())))
            .or_else(Stop::into_result);
    }
    let waiting = 2 * threads;
    let (give, blocks) = sync_channel::<(usize, usize, Item)>(waiting);
    let blocks = Mutex::new(blocks);
    let is_stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (give_parsed, parsed) = sync_channel(waiting);
        let stopped = &is_stopped;
        scope.spawn(move || send_items(files, lines, &give, stopped));
        for _ in 0..threads {
            let (blocks, give_parsed, outcome) = (&blocks, give_parsed.clone(), &outcome);
            scope.spawn(move || {
                while let Some((number, file, item)) = receive(blocks) {
                    if give_parsed.send((number, file, outcome(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(give_parsed);
        let result = in_order(&parsed, take);
        // Whoever still sends stops when nobody receives.
        drop(parsed);
        if result.is_err() {
            is_stopped.store(true, Ordering::Relaxed);
            while receive(&blocks).is_some() {}
        }
        result
    })
}

/// Ends the reading of files: with a failure, or because nobody listens any more.
struct Stop(Option<Failure>);

impl Stop {
    fn of<T>(failure: Failure) -> std::result::Result<T, Self> {
        Err(Self(Some(failure)))
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// All blocks of all files, and what ends them early.
fn items(
    files: &Files,
    lines: Lines,
    take: &mut impl FnMut(usize, Item) -> std::result::Result<(), Stop>,
) -> std::result::Result<(), Stop> {
    for (file, path) in files.paths.iter().enumerate() {
        let mut blocks = match Blocks::open(path, file, lines) {
            Ok(blocks) => blocks,
            Err(failure) => {
                take(file, Item::Unreadable(failure))?;
                continue;
            }
        };
        loop {
            match blocks.next() {
                Ok(Some(block)) => take(file, Item::Block(block))?,
                Ok(None) => break,
                Err(failure) => {
                    take(file, Item::Damaged(blocks.line(), failure))?;
                    break;
                }
            }
        }
    }
    Ok(())
}

fn send_items(files: &Files, lines: Lines, give: &SyncSender<(usize, usize, Item)>, is_stopped: &AtomicBool) {
    let mut number = 0;
    let ended = items(files, lines, &mut |file, item| {
        if is_stopped.load(Ordering::Relaxed) {
            return Err(Stop(None));
        }
        number += 1;
        give.send((number - 1, file, item)).map_err(|_| Stop(None))
    });
    // Whoever stopped it has the reason.
    drop(ended);
}

fn receive(blocks: &Mutex<Receiver<(usize, usize, Item)>>) -> Option<(usize, usize, Item)> {
    blocks.lock().ok()?.recv().ok()
}

/// Takes what was parsed in the order in which it was read.
fn in_order<T>(
    parsed: &Receiver<(usize, usize, Outcome<T>)>,
    take: &mut impl FnMut(usize, Outcome<T>) -> Result<()>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, file, outcome) in parsed {
        early.insert(number, (file, outcome));
        while let Some((file, outcome)) = early.remove(&next) {
            take(file, outcome)?;
            next += 1;
        }
    }
    Ok(())
}
