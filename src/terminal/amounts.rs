//! Amounts as people read them.

use indicatif::BinaryBytes;

/// An amount of bytes in binary units.
pub fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}
