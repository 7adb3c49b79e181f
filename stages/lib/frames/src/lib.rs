//! The tables and embeddings that pass between stages, each a folder with one file (and JSON beside it where said).
//!
//! A table is read into plain vectors, one per column, and checked while it is read: a missing column, a column of
//! another type or an empty cell is an error that names the file, the column, what was found and what was expected.
//! Equal tables are written as equal bytes. No number that is NaN or infinite is read or written.

mod batched;
mod codes;
mod embeddings;
mod finite;
mod interactions;
mod items;
mod json;
pub mod kinds;
mod parquet;
mod prompts;
mod ranking_rows;
mod ranking_stream;
mod rankings;
mod ranks;
mod reviews;
mod schemas;
mod users;

pub use batched::{InteractionRows, InteractionsWriter, ReviewRows, ReviewsWriter};
pub use codes::Codes;
pub use embeddings::{Embeddings, EmbeddingsOf};
pub use finite::{NotFinite, Rows, check_finite};
pub use interactions::{Dataset, Interactions, Split};
pub use items::{ItemRow, Items};
pub use json::{replace_json, write_json};
pub use prompts::{Prompt, Prompts, TaskKind};
pub use ranking_stream::ExcludedLists;
pub use rankings::{NO_ITEM, RankedList, Rankings, Seen};
pub use ranks::{Hits, Measured, Ranks, UserRank};
pub use reviews::Reviews;
pub use schemas::schemas;
pub use users::Users;
