//! A row of the store: a checksum, then what it holds. A row whose bytes changed is never taken for another.

use contract::questions::UserRow;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A user's history and list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct UserRecord {
    /// The items, oldest first.
    pub(crate) history: Vec<u32>,
    /// Items with scores, best first; empty where the model made no list.
    pub(crate) list: Vec<(u32, f32)>,
}

/// How many bytes of a row are its checksum.
const CHECKSUM: usize = 8;

impl UserRecord {
    fn encode(user: &UserRow, bytes: &mut Vec<u8>) {
        bytes.extend((user.history.len() as u32).to_le_bytes());
        bytes.extend(user.history.iter().flat_map(|item| item.to_le_bytes()));
        for (item, score) in &user.list {
            bytes.extend(item.to_le_bytes());
            bytes.extend(score.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (history, list) = rest.split_at_checked(u32::from_le_bytes(*length) as usize * 4)?;
        let history = history.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (pairs, left) = list.as_chunks::<8>();
        let pair =
            |&[a, b, c, d, e, f, g, h]: &[u8; 8]| (u32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]));
        left.is_empty().then(|| Self { history, list: pairs.iter().map(pair).collect() })
    }
}

/// A row of users who follow each other in the order of their identifiers, under that of the first: for each the length of the
/// identifier, that of the record, then both.
#[derive(Debug)]
pub(crate) struct UserBlock<'a>(&'a [u8]);

impl<'a> UserBlock<'a> {
    /// The row under that key.
    pub(crate) fn encode(key: &[u8], users: &[UserRow]) -> Vec<u8> {
        let mut bytes = vec![0; CHECKSUM];
        let mut record = Vec::new();
        for user in users {
            record.clear();
            UserRecord::encode(user, &mut record);
            bytes.extend((user.id.len() as u32).to_le_bytes());
            bytes.extend((record.len() as u32).to_le_bytes());
            bytes.extend(user.id.as_bytes());
            bytes.extend(&record);
        }
        seal(key, bytes)
    }

    /// Opens a row. `None` when it is damaged.
    pub(crate) fn open(key: &[u8], row: &'a [u8]) -> Option<Self> {
        open(key, row).map(Self)
    }

    /// The user with that identifier; `None` where it is not among them.
    pub(crate) fn find(&self, id: &str) -> Option<UserRecord> {
        self.rows().find(|(other, _)| *other == id.as_bytes()).and_then(|(_, record)| UserRecord::decode(record))
    }

    /// The users, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.rows().map(|(id, _)| id)
    }

    fn rows(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let (id, rest) = left.split_first_chunk::<4>()?;
            let (record, rest) = rest.split_first_chunk::<4>()?;
            let (id, rest) = rest.split_at_checked(u32::from_le_bytes(*id) as usize)?;
            let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*record) as usize)?;
            left = rest;
            Some((id, record))
        })
    }
}

/// A value as the row under that key.
pub(crate) fn encode_json(key: &[u8], value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = vec![0; CHECKSUM];
    serde_json::to_writer(&mut bytes, value)?;
    Ok(seal(key, bytes))
}

/// Reads a row of JSON. `None` when it is damaged.
pub(crate) fn decode_json<T: DeserializeOwned>(key: &[u8], row: &[u8]) -> Option<T> {
    serde_json::from_slice(open(key, row)?).ok()
}

/// The checksum of a row; 0 where it is too short to have one.
pub(crate) fn checksum(row: &[u8]) -> u64 {
    row.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Whether the row under that key is whole.
pub(crate) fn is_whole(key: &[u8], row: &[u8]) -> bool {
    open(key, row).is_some()
}

fn seal(key: &[u8], mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = digest(key, &bytes[CHECKSUM..]);
    bytes[..CHECKSUM].copy_from_slice(&sum);
    bytes
}

fn open<'a>(key: &[u8], row: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, content) = row.split_first_chunk::<CHECKSUM>()?;
    (digest(key, content) == *sum).then_some(content)
}

fn digest(key: &[u8], content: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(content);
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    sum
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn user(id: &str, history: Vec<u32>, list: Vec<(u32, f32)>) -> UserRow {
        UserRow { id: id.to_owned(), history, list }
    }

    #[test]
    fn users_are_read_as_they_were_written() {
        let users =
            [user("", vec![3, 1], vec![(7, -0.5), (9, -1.25)]), user("b", vec![], vec![]), user("bc", vec![2], vec![])];
        let row = UserBlock::encode(b"", &users);
        let block = UserBlock::open(b"", &row).unwrap();
        assert_eq!(block.ids().collect::<Vec<_>>(), users.iter().map(|user| user.id.as_bytes()).collect::<Vec<_>>());
        for user in users {
            assert_eq!(block.find(&user.id), Some(UserRecord { history: user.history, list: user.list }));
        }
        assert_eq!(block.find("a"), None);
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let row = UserBlock::encode(b"user", &[user("user", vec![3, 1], vec![(7, -0.5), (9, -1.25)])]);
        assert!(UserBlock::open(b"user", &row).is_some());
        assert!(UserBlock::open(b"other", &row).is_none());
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(UserBlock::open(b"user", &flipped).is_none(), "bit {bit}");
        }
        assert!((0..row.len()).all(|length| UserBlock::open(b"user", &row[..length]).is_none()));
    }
}
