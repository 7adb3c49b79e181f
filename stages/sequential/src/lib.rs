//! Recommenders that read a user's items in order and predict the next one.
//!
//! Each model is a file; what they share is in `base`.
//!
//! * [`Sasrec`]: self-attention over the items so far.
//! * [`Bert4rec`]: attention to both sides, trained to find hidden items.
//! * [`Fmlp`]: learned filters of the sequence.
//! * [`Gru4rec`]: a gated recurrent network.
//!
//! **Samples.** A sample is the latest `max_length` items of a training sequence. A user's history when ranking is everything
//! before the test item. Places are counted from the end, so that the latest item always has the same one.
//!
//! **Epochs.** With `stopping = "validation"` the NDCG@10 of held-out items, all items ranked but those of the history, chooses
//! the number of epochs. Where `ingest` holds out validation items those are used, and the best epoch's weights are kept. Where it does not, a
//! training without each user's last training item chooses, and a second one on all training items has as many epochs. No
//! test item is looked at.
//!
//! **Equal bytes.** On the CPU a batch has four parts whatever the number of threads, each computed by one thread, and their
//! gradients are summed in order. What is drawn at random depends on the seed and the number of the step. So the number of
//! threads changes no byte.
//!
//! **Unpadded batches.** Items of all sequences of a batch are the rows of one matrix; only attention and filters
//! look at padded sequences.

mod base;
mod bert4rec;
mod fmlp;
mod gru4rec;
mod parameters;
mod sasrec;

pub use bert4rec::{Bert4rec, Bert4recParameters};
pub use fmlp::{Fmlp, FmlpParameters};
pub use gru4rec::{Gru4rec, Gru4recParameters};
pub use parameters::Loss;
pub use sasrec::{Sasrec, SasrecParameters};

#[cfg(test)]
mod stage_tests;
