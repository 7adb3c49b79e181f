//! External inputs: files and folders that stages read and no stage makes, and what is remembered of them.

mod cache;
mod external;
mod index;
mod listing;
mod python;
mod snapshot;

pub use cache::InputCache;
pub use external::ExternalInputs;
pub use index::{Index, IndexState, SledIndex};
pub use listing::{Change, Changes, listing_changes};
pub use python::python_imports;
pub use snapshot::StatSnapshot;
