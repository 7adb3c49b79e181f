//! What the models share: samples, batches, layers, losses, training, evaluation and the stage itself.

mod adam;
mod batch;
mod evaluation;
mod layers;
mod loss;
mod negatives;
mod network;
mod replica;
mod report;
mod samples;
mod stage;
mod store;
mod stream;
mod train;

#[cfg(test)]
mod reference_tests;

pub(crate) use batch::Packed;
pub(crate) use layers::{Attention, Embedding, FeedForward, LayerNorm, Linear, Sees};
pub(crate) use samples::Sampling;
pub(crate) use stage::{inputs, outputs, run};
pub(crate) use store::Store;

use crate::parameters::ModelParameters;
pub(crate) use nn::Dropout;
use tch::{TchError, Tensor};

/// The result of libtorch's operators.
pub(crate) type Torch<T> = Result<T, TchError>;

/// A model that turns sequences of items into hidden states; an item's score is `hidden · its row of the table`.
///
/// The table of items is handed in, since a training step hands in only the rows that it needs.
pub(crate) trait Model: Sized + Send {
    /// Its parameters.
    type Parameters: ModelParameters + Sync;

    /// Rows of the table after those of the items, such as that of the mask.
    const EXTRA_ROWS: usize = 0;

    /// Numbers of a row of the table after those of the embedding, such as the item's bias.
    const EXTRA_COLUMNS: usize = 0;

    /// The weights beside the table, drawn from or found in the store.
    fn build(parameters: &Self::Parameters, store: &mut Store) -> Torch<Self>;

    /// What its training samples are.
    fn sampling(parameters: &Self::Parameters) -> Sampling;

    /// The number of places of a padded sequence, where it has to be the same for all.
    fn width(_parameters: &Self::Parameters) -> Option<usize> {
        None
    }

    /// Whether a row of the table after those of the items stands at the end of a sequence whose next item is asked for.
    const ASKS_WITH_MASK: bool = false;

    /// `[targets, columns of the table]` the hidden states at the batch's targets.
    fn encode(&self, table: &Tensor, batch: &Packed, dropout: &mut Dropout) -> Torch<Tensor>;
}
