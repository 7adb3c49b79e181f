//! Who is informed how far a long look through the store is.

use std::fmt::Debug;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes that are read or copied.
    Bytes,
    /// External inputs that are read, or things that are removed.
    Things,
}

/// Whoever watches. Steps come from several threads.
pub trait Watch: Debug + Send + Sync {
    /// So much is to be done.
    fn begin(&self, total: u64, unit: Unit);
    /// So much more is done.
    fn step(&self, amount: u64);
}
