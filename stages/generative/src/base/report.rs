//! The stage's report.

use nn::{Epoch, Evaluation, Trained};
use recommender::HeldOut;
use serde::Serialize;

/// `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) users: usize,
    pub(crate) items: usize,
    /// Tokens of an item.
    pub(crate) levels: usize,
    /// Tokens that the model knows.
    pub(crate) vocabulary: i64,
    /// Items that have all tokens in common with another, and so its score.
    pub(crate) colliding_items: usize,
    pub(crate) samples_a_pass: usize,
    /// Passes over the samples that an epoch is.
    pub(crate) passes_an_epoch: usize,
    /// Users whose training sequence has no next item to learn.
    pub(crate) users_with_fewer_than_two_training_items: usize,
    /// How many numbers are trained.
    pub(crate) weights: usize,
    /// Users whose list is shorter than `top_k`: a wider beam finds more.
    pub(crate) short_lists: usize,
    /// How the number of epochs was chosen; absent where it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) choice: Option<Choice>,
    pub(crate) steps: usize,
    /// Of the training whose weights were kept.
    pub(crate) epochs: Vec<Epoch>,
}

/// How the number of epochs was chosen.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    held_out: HeldOut,
    /// The k of `NDCG@k`.
    k: usize,
    /// Users that lists were decoded for.
    users: usize,
    chosen_epoch: usize,
    evaluations: Vec<Evaluation>,
    /// Of the training that was evaluated.
    epochs: Vec<Epoch>,
}

impl Choice {
    /// The choice that a training made on that many users.
    pub(crate) fn of(held_out: HeldOut, k: usize, users: usize, trained: &Trained) -> Self {
        let (evaluations, epochs) = (trained.evaluations.clone(), trained.epochs.clone());
        Self { held_out, k, users, chosen_epoch: trained.chosen, evaluations, epochs }
    }
}
