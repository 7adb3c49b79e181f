//! Two rankings that need no training, the baselines of every model: popularity and item-kNN.
//!
//! Statistics come from training rows only. A user's history is everything before the test item. Every item is ranked,
//! none is sampled, and equal scores stand in the order of [`recommender::tie_order`].
//!
//! * [`Popularity`]: `score(j) = n_j`, how often `j` occurs in training rows.
//! * [`ItemKnn`]: with `c_ij = Σ 1/|s - t|` over all places `s`, `t` of one sequence, at most `window` apart, that hold
//!   `i` and `j`: `sim(i, j) = c_ij / sqrt(n_i n_j)`, and `score(j) = Σ_a decay^a sim(h_a, j)` over the last
//!   `history` items `h_a` before the test item, the latest with `a = 0`.

mod item_knn;
mod popularity;
mod ranking;

pub use item_knn::{ItemKnn, ItemKnnParameters};
pub use popularity::{Popularity, PopularityParameters};
