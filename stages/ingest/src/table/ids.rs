//! Original identifiers, each stored once and known by an index.

use crate::digest;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher as _;

/// Identifiers in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    texts: Concatenated,
    /// `[ids]` the first four bytes of each identifier's digest, which order them as the digests do.
    prefixes: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Ids {
    /// The index of an identifier, which is stored if it is new.
    ///
    /// # Panics
    /// When there are more than 2³² identifiers.
    pub(crate) fn index(&mut self, id: &str) -> u32 {
        let hash = self.hasher.hash_one(id);
        if let Some(&index) = self.table.find(hash, |&index| self.texts.get(index) == id) {
            return index;
        }
        let index = u32::try_from(self.len()).expect("fewer identifiers than 2^32, as memory would end before");
        self.texts.push(id);
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.table.insert_unique(hash, index, |&index| hasher.hash_one(texts.get(index)));
        self.prefixes.push(digest::prefix(&digest::of_id(id)));
        index
    }

    /// The index of an identifier that is stored.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        self.table.find(hash, |&index| self.texts.get(index) == id).copied()
    }

    /// The identifier of an index.
    pub(crate) fn get(&self, index: u32) -> &str {
        self.texts.get(index)
    }

    /// The number of identifiers.
    pub(crate) fn len(&self) -> usize {
        self.texts.ends.len()
    }

    /// The first four bytes of the digest of an identifier.
    pub(crate) fn prefix(&self, index: u32) -> u32 {
        self.prefixes[index as usize]
    }

    /// Those of the indexes that are wanted, in the order of their identifiers' digests.
    pub(crate) fn by_digest(&self, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).filter(|&index| wanted(index)).collect();
        let full = |index: u32| digest::of_id(self.get(index));
        order.sort_unstable_by(|&one, &other| {
            self.prefix(one).cmp(&self.prefix(other)).then_with(|| full(one).cmp(&full(other)))
        });
        order
    }

    /// Forgets how identifiers are found and ordered, to save memory; only [`Ids::get`] may be called from now on.
    pub(crate) fn forget_digests(&mut self) {
        self.table = HashTable::new();
        self.prefixes = Vec::new();
    }
}

/// Strings one after the other.
#[derive(Debug, Default)]
struct Concatenated {
    bytes: String,
    ends: Ends,
}

impl Concatenated {
    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, index: u32) -> &str {
        let start = if index == 0 { 0 } else { self.ends.get(index - 1) };
        &self.bytes[start..self.ends.get(index)]
    }
}

/// Where strings end, in four bytes each.
#[derive(Debug, Default)]
struct Ends {
    low: Vec<u32>,
    /// The first strings that end in another 4 GiB than those before them.
    wraps: Vec<u32>,
}

impl Ends {
    fn len(&self) -> usize {
        self.low.len()
    }

    /// Adds the end of the next string, which is not before the others.
    fn push(&mut self, end: usize) {
        let index = self.low.len() as u32;
        let wraps = (end as u64 >> u32::BITS) as usize;
        self.wraps.resize(wraps, index);
        self.low.push(end as u32);
    }

    fn get(&self, index: u32) -> usize {
        let wraps = self.wraps.partition_point(|&wrap| wrap <= index);
        wraps << u32::BITS | self.low[index as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_stored_once_and_ordered_by_digest() {
        let mut ids = Ids::default();
        let indexes: Vec<u32> = ["b", "a", "", "b"].into_iter().map(|id| ids.index(id)).collect();
        assert_eq!(indexes, [0, 1, 2, 0]);
        assert_eq!((ids.get(1), ids.get(2), ids.find("a"), ids.find("c")), ("a", "", Some(1), None));
        let mut expected = vec![0, 1, 2];
        expected.sort_by_key(|&index| digest::of_id(ids.get(index)));
        assert_eq!(ids.by_digest(|_| true), expected);
    }

    #[test]
    fn ends_beyond_four_gigabytes_are_kept() {
        let all = [0, 5, u32::MAX as usize, 1 << 32, (1 << 32) + 7, (3 << 32) + 1, (3 << 32) + 2];
        let mut ends = Ends::default();
        all.iter().for_each(|&end| ends.push(end));
        assert_eq!((0..all.len() as u32).map(|index| ends.get(index)).collect::<Vec<_>>(), all);
    }
}
