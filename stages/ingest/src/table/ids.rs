//! Original identifiers, each stored once and known by an index.

use crate::digest;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher as _;

/// Identifiers in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    bytes: String,
    ends: Vec<usize>,
    /// `[ids]` the first eight bytes of each identifier's digest, which order them as the digests do.
    prefixes: Vec<u64>,
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
        if let Some(&index) = self.table.find(hash, |&index| text(&self.bytes, &self.ends, index) == id) {
            return index;
        }
        let index = u32::try_from(self.ends.len()).expect("fewer identifiers than 2^32, as memory would end before");
        self.bytes.push_str(id);
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.table.insert_unique(hash, index, |&index| hasher.hash_one(text(bytes, ends, index)));
        self.prefixes.push(digest::prefix(&digest::of_id(id)));
        index
    }

    /// The index of an identifier that is stored.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        self.table.find(hash, |&index| text(&self.bytes, &self.ends, index) == id).copied()
    }

    /// The identifier of an index.
    pub(crate) fn get(&self, index: u32) -> &str {
        text(&self.bytes, &self.ends, index)
    }

    /// The number of identifiers.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The first eight bytes of the digest of an identifier.
    pub(crate) fn prefix(&self, index: u32) -> u64 {
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

    /// Forgets how identifiers are found, to save memory; [`Ids::index`] and [`Ids::find`] no longer find any.
    pub(crate) fn forget_table(&mut self) {
        self.table = HashTable::new();
    }
}

fn text<'a>(bytes: &'a str, ends: &[usize], index: u32) -> &'a str {
    let index = index as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &bytes[start..ends[index]]
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
}
