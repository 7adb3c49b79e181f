//! The tables that pass between stages, each a folder with one Parquet file (and JSON beside it where said).
//!
//! A table is read into plain vectors, one per column, and checked while it is read: a missing column, a column of
//! another type or an empty cell is an error that names the file, the column, what was found and what was expected.
//! Equal tables are written as equal bytes.

mod codes;
mod interactions;
mod items;
mod json;
mod parquet;
mod prompts;
mod rankings;
mod ranks;
mod reviews;
mod ties;
mod users;

pub use codes::Codes;
pub use interactions::{Dataset, Interactions, Split};
pub use items::Items;
pub use json::write_json;
pub use prompts::{Prompt, Prompts, TaskKind};
pub use rankings::{RankedList, Rankings, Seen};
pub use ranks::{Hits, Measured, Ranks, UserRank};
pub use reviews::Reviews;
pub use ties::{tie_order, top_k};
pub use users::Users;
