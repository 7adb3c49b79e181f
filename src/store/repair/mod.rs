//! Verification and repair: looking for damage, quarantine, and rebuilding the index.

pub(super) mod quarantine;
pub(super) mod rebuild_index;
pub(super) mod verify;
