//! Garbage collection: what may be removed, removing it, and the pins that protect results.

pub(super) mod choose;
pub(super) mod pins;
pub(super) mod remote;
pub(super) mod remove;
pub(super) mod retention;
