//! External inputs: the files and folders outside the store that stages read, and what is remembered of them.

mod index;
mod ledger;
mod listing;
mod outside;
mod witness;

pub use index::{Index, IndexState, SledIndex};
pub use listing::{Change, Changes, listing_changes};
pub use outside::OutsideFiles;
pub use witness::Witness;
