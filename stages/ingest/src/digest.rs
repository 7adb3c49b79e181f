//! Hashes of original identifiers: the order of numbers, of ties, and the digest of the split.

/// The hash of an identifier; sorting by it scatters any order the identifiers had.
pub(crate) fn of_id(id: &str) -> [u8; 32] {
    *blake3::hash(id.as_bytes()).as_bytes()
}

/// The hash of a user and an item together; it orders what happened at the same time.
pub(crate) fn of_pair(user: &str, item: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    add(&mut hasher, user);
    add(&mut hasher, item);
    *hasher.finalize().as_bytes()
}

/// Adds a string after its length, so that no two lists of strings have equal bytes.
pub(crate) fn add(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}
