//! What is done to the table of interactions: order, repeats, samples, filters, new items, numbers.

mod cutoff;
mod k_core;
mod new_items;
mod numbers;
mod order;
mod sample;

pub(crate) use cutoff::Cutoffs;
pub(crate) use k_core::{Dropped, keep_core};
pub(crate) use new_items::NewItems;
pub(crate) use numbers::Numbers;
pub(crate) use order::order;
pub(crate) use sample::{LeftOut, keep_sample};

use crate::table::Bucket;
use contract::Result;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Works on all buckets, on several threads, and gives what comes of each in their order.
pub(crate) fn each_bucket<T: Send>(
    buckets: &mut [Bucket],
    threads: usize,
    work: impl Fn(&mut Bucket) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let buckets: Vec<Mutex<&mut Bucket>> = buckets.iter_mut().map(Mutex::new).collect();
    let results: Vec<Mutex<Option<Result<T>>>> = buckets.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work_on = || {
        while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&at| at < buckets.len()) {
            let Ok(mut bucket) = buckets[at].lock() else { return };
            let result = work(&mut bucket);
            if let Ok(mut slot) = results[at].lock() {
                *slot = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work_on)));
        work_on();
    });
    results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect()
}
