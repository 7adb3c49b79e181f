//! Rankings that need no training, the baselines of every model: popularity, a Markov chain, item-kNN and text-kNN.
//!
//! Statistics come from training rows only. A user's history is everything before the test item. Every item is ranked,
//! none is sampled, and equal scores are in the order of [`recommender::tie_order`]. With n_j how often item j occurs:
//!
//! * [`Popularity`]: `score(j) = n_j`.
//! * [`MarkovChain`]: with `m_ij` how often j comes next after i, h the user's latest item and s `smoothing`,
//!   `score(j) = ln((m_hj + s p_j) / (Σ_k m_hk + s))` where `p_j = (n_j + 1) / Σ_k (n_k + 1)` (MacKay & Peto 1995).
//! * [`ItemKnn`]: with `a_ij = Σ 1/(t - s)` over all places `s < t` of one sequence, at most `window` apart, that hold
//!   `i` and `j`: `sim(i, j) = (a_ij + before a_ji) / (n_i^history_power n_j^item_power + shrinkage)`, of which each i keeps the `neighbours`
//!   largest, and `score(j) = Σ_a decay^a sim(h_a, j)` over the last `history` items `h_a` before the test item, the
//!   latest with `a = 0` (Deshpande & Karypis 2004).
//! * [`TextKnn`]: with `t_j` the text embedding of j, less the mean of all where `centred`, at length 1,
//!   `score(j) = cos(t_j, Σ_a t_(h_a))` over the last `history` items `h_a`. It counts nothing, so new items have scores too.
//!
//! Settings of the Markov chain and of item-kNN are chosen on held-out items, as `settings` says.

mod choice;
mod counts;
mod item_knn;
mod markov_chain;
mod popularity;
mod ranking;
#[cfg(test)]
mod tests;
mod text_knn;

pub use choice::Settings;
pub use item_knn::{ItemKnn, ItemKnnParameters};
pub use markov_chain::{MarkovChain, MarkovChainParameters};
pub use popularity::{Popularity, PopularityParameters};
pub use text_knn::{TextKnn, TextKnnParameters};
