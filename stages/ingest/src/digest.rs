//! Hashes of original identifiers: the order of numbers, of ties, and the digest of the split.

/// The hash of an identifier; sorting by it scatters any order the identifiers had.
pub(crate) fn of_id(id: &str) -> [u8; 32] {
    *blake3::hash(id.as_bytes()).as_bytes()
}

/// The hash of a user and an item together; it orders what happened at the same time.
pub(crate) fn of_pair(user: &str, item: &str) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(16 + user.len() + item.len());
    add(&mut bytes, user);
    add(&mut bytes, item);
    *blake3::hash(&bytes).as_bytes()
}

/// The first four bytes of a hash as a number that is ordered as they are.
pub(crate) fn prefix(hash: &[u8; 32]) -> u32 {
    u32::from_be_bytes(*hash.first_chunk().expect("a hash of 32 bytes has four"))
}

/// Hashes of lists of strings, each after its length, so that no two lists have equal bytes.
#[derive(Default)]
pub(crate) struct TextHasher {
    hasher: blake3::Hasher,
    /// What is hashed next: the hasher is several times as fast on long runs of bytes.
    pending: Vec<u8>,
}

impl TextHasher {
    /// Adds a string.
    pub(crate) fn add(&mut self, text: &str) {
        const ENOUGH: usize = 1 << 16;
        add(&mut self.pending, text);
        if self.pending.len() >= ENOUGH {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
    }

    /// The digest of all strings, in hexadecimal.
    pub(crate) fn finish(mut self) -> String {
        self.hasher.update(&self.pending);
        self.hasher.finalize().to_hex().to_string()
    }
}

fn add(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
