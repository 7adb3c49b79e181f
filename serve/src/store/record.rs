//! A row of the store: a checksum, then what it holds. A row whose bytes changed is never taken for another.

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
    /// The row under that key.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; CHECKSUM];
        bytes.extend((self.history.len() as u32).to_le_bytes());
        bytes.extend(self.history.iter().flat_map(|item| item.to_le_bytes()));
        for (item, score) in &self.list {
            bytes.extend(item.to_le_bytes());
            bytes.extend(score.to_le_bytes());
        }
        seal(key, bytes)
    }

    /// Reads a row. `None` when it is damaged.
    pub(crate) fn decode(key: &[u8], row: &[u8]) -> Option<Self> {
        let (length, rest) = open(key, row)?.split_first_chunk::<4>()?;
        let (history, list) = rest.split_at_checked(u32::from_le_bytes(*length) as usize * 4)?;
        let history = history.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let (pairs, left) = list.as_chunks::<8>();
        let pair =
            |&[a, b, c, d, e, f, g, h]: &[u8; 8]| (u32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]));
        left.is_empty().then(|| Self { history, list: pairs.iter().map(pair).collect() })
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
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written_and_any_flipped_bit_is_found() {
        let record = UserRecord { history: vec![3, 1], list: vec![(7, -0.5), (9, -1.25)] };
        let row = record.encode(b"user");
        assert_eq!(UserRecord::decode(b"user", &row), Some(record));
        assert_eq!(UserRecord::decode(b"other", &row), None);
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(UserRecord::decode(b"user", &flipped), None, "bit {bit}");
        }
        assert!((0..row.len()).all(|length| UserRecord::decode(b"user", &row[..length]).is_none()));
    }
}
