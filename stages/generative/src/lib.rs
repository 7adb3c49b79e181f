//! Recommenders that write the next item, token by token, with a T5 trained from scratch.
//!
//! * [`Tiger`]: items are the codes of `codebook` (Rajput et al. 2023).
//! * [`P5`]: items are numbers or paths of clusters, in a prompt (Geng et al. 2022; Hua et al. 2023).
//!
//! Both are one model with another [`language`]: the encoder reads the latest `max_length` items of a history, the decoder writes
//! the N tokens of the next item. With c₁ … c_N these tokens and x the tokens of the history, a step minimises the mean over
//! samples and tokens of
//!
//! −log p(cₗ | x, c₁ … cₗ₋₁),  p the softmax over the whole vocabulary.
//!
//! **Samples.** Every training item but a user's first is a target, and what comes before it is the history. Samples of about
//! equal length share a batch, which keeps padding small.
//!
//! **Ranking.** Beam search in the trie of the items' tokens, as in `precache`: no other sequence can be written. A user without
//! history gets the most frequent items.
//!
//! **Epochs.** With `stopping = "validation"` the NDCG@10 of lists that are decoded for `validation_users` of the users with a
//! held-out item chooses the epoch. Where `ingest` holds out validation items the best epoch's weights are kept. Where it does
//! not, a training without each user's last training item chooses, and a second one on all training items has as many epochs, on
//! the same schedule of learning rates. No test item is looked at.
//!
//! **Equal bytes.** On the CPU a batch has four parts whatever the number of threads, each computed by one thread, and their
//! gradients are summed in order. Dropout depends on the seed and the number of the step.

mod base;
mod cluster;
mod language;
mod p5;
mod parameters;
mod tiger;

pub use p5::{ItemIndex, P5, P5Parameters};
pub use tiger::{Tiger, TigerParameters};

#[cfg(test)]
mod stage_tests;
