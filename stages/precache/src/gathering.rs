//! Lists that ranks have made, on their way to the first rank.
//!
//! A list is its user, how many items it has, the items and their scores, as u32 and f32 in the order of the machine's bytes. A batch
//! is its number, how many users it has, and two lists for each.

use crate::blocks::Batches;
use contract::{Failure, Result};
use frames::{RankedList, Rankings};
use ranks::Ranks;

/// All batches on the first rank, nothing on the others.
pub(crate) fn on_first(made: Batches, ranks: &Ranks) -> Result<Batches> {
    if ranks.count() == 1 {
        return Ok(made);
    }
    let bytes: Vec<u8> =
        made.iter().flat_map(|(number, lists)| encode(*number, lists)).flat_map(u32::to_ne_bytes).collect();
    drop(made);
    let mut all = Batches::new();
    for bytes in ranks.gather_on_first(bytes)? {
        let words = bytes.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        all.extend(decode(words).ok_or_else(|| Failure::other("gather lists", "a rank gave some that end too early"))?);
    }
    Ok(all)
}

/// The lists of all batches, batch by batch.
pub(crate) fn in_order(batches: Batches) -> Rankings {
    let mut all = Rankings::default();
    for lists in batches.into_values() {
        all.kept.extend(lists.kept);
        all.excluded.extend(lists.excluded);
    }
    all
}

fn encode(number: usize, lists: &Rankings) -> Vec<u32> {
    let mut words = vec![number as u32, lists.kept.len() as u32];
    for list in lists.kept.iter().chain(&lists.excluded) {
        words.extend([list.user, list.items.len() as u32]);
        words.extend(list.items.iter().map(|(item, _)| *item));
        words.extend(list.items.iter().map(|(_, score)| score.to_bits()));
    }
    words
}

/// None where the numbers end within a batch.
fn decode(mut words: impl Iterator<Item = u32>) -> Option<Batches> {
    let mut batches = Batches::new();
    while let Some(number) = words.next() {
        let users = words.next()?;
        let mut lists = || (0..users).map(|_| decode_list(&mut words)).collect::<Option<Vec<_>>>();
        batches.insert(number as usize, Rankings { kept: lists()?, excluded: lists()? });
    }
    Some(batches)
}

fn decode_list(words: &mut impl Iterator<Item = u32>) -> Option<RankedList> {
    let (user, length) = (words.next()?, words.next()?);
    let items: Vec<u32> = (0..length).map(|_| words.next()).collect::<Option<_>>()?;
    let scores: Vec<f32> = (0..length).map(|_| words.next().map(f32::from_bits)).collect::<Option<_>>()?;
    Some(RankedList { user, items: items.into_iter().zip(scores).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(users: &[u32]) -> Rankings {
        let list = |user: u32, length: u32| RankedList {
            user,
            items: (0..length).map(|item| (item * user, -0.5 - item as f32)).collect(),
        };
        let of = |length: u32| users.iter().map(|&user| list(user, length)).collect();
        Rankings { kept: of(3), excluded: of(0) }
    }

    #[test]
    fn lists_reach_the_first_rank_as_they_are() {
        let all: Batches = [(0, lists(&[4, 2])), (1, lists(&[7])), (5, lists(&[1, 3]))].into();
        let parts: Vec<Batches> = vec![[(1, lists(&[7]))].into(), Batches::new(), {
            let mut rest = all.clone();
            rest.remove(&1);
            rest
        }];
        let gathered: Vec<Batches> = std::thread::scope(|scope| {
            let ranks = Ranks::threads(3).into_iter().zip(parts);
            let threads: Vec<_> =
                ranks.map(|(ranks, part)| scope.spawn(move || on_first(part, &ranks).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(gathered, [all.clone(), Batches::new(), Batches::new()]);
        assert_eq!(in_order(all).kept.iter().map(|list| list.user).collect::<Vec<_>>(), [4, 2, 7, 1, 3]);
        assert!(decode([0, 1, 4, 2, 9].into_iter()).is_none());
    }
}
