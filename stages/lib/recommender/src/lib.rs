//! What recommenders share: scoring all items, ranked lists, negative sampling, and early stopping by validation.
//!
//! * [`Scorer`] scores all items for users, in parallel ([`Parallel`]) or block by block ([`InTurn`]).
//! * [`rank`] makes each user's two lists of the best items, with and without the items of the history. Items of equal
//!   score are in the order of [`tie_order`].
//! * [`Validation`] measures NDCG and HR on validation items, and [`EarlyStopping`] keeps the best weights by it. Where there are
//!   none, [`hold_out_last_training_item`] makes some of the training items.
//! * [`ChoiceSplit`] is what settings are chosen on: validation items, or each user's last training item.
//! * [`beam`] finds items by their codes, with a model that predicts one code after the other.
//! * [`UserItems`] draws negative items for a user.
//! * [`normal`] draws the numbers that weights start from.
//! * [`thread_pool`] starts the threads of a stage, and [`same_ingest`] refuses inputs that do not belong together.
//!
//! A sequential recommender, for example, ranks with
//!
//! ```ignore
//! let users = recommender::tested_users(&interactions)?;
//! let scorer = InTurn { items, block: 128, score: |users: &[u32], scores: &mut [f32]| model.score(users, scores) };
//! recommender::rank(&scorer, &users, &interactions.before_test(), parameters.top_k)?.write(folder)
//! ```

pub mod beam;
mod candidates;
mod early_stopping;
mod held_out;
mod ingest;
mod lists;
mod negatives;
mod normal;
mod scorer;
mod threads;
mod top_k;
mod validation;

pub use candidates::Candidates;
pub use early_stopping::{EarlyStopping, Evaluated};
pub use held_out::ChoiceSplit;
pub use ingest::same_ingest;
pub use lists::{rank, rank_among, tested_users};
pub use negatives::UserItems;
pub use normal::normal;
pub use scorer::{InTurn, Parallel, Scorer};
pub use threads::thread_pool;
pub use top_k::{best_first, tie_order, top_k};
pub use validation::{HeldOut, Quality, Stopping, Validation, hold_out_last_training_item};
