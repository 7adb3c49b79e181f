//! What is in the store: its records, when they were used, and sums of bytes.

pub(super) mod entries;
pub(super) mod stats;
