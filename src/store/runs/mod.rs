//! Runs: their records and states, the folders where they write, and what they need.

pub(super) mod find;
pub(super) mod needs;
pub(super) mod progress;
pub(super) mod record;
pub(super) mod scratch;
pub(super) mod state;
