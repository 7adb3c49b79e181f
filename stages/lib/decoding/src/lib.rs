//! Items for prompts, found by a tuned language model: by the codes that it writes, or by its item head.
//!
//! * [`Decoder`] runs the beam search of [`recommender::beam`] over the tokens of codes, and scores what it found.
//! * [`ItemCodes`] finds items in the tokens of a prompt.
//! * [`ItemHead`] is a vector for each code, which scores all items after one pass over a prompt.

mod decoder;
mod item_codes;
mod item_head;
mod padded;
mod search;

pub use decoder::{Decoder, Scoring, Settings};
pub use item_codes::ItemCodes;
pub use item_head::{FILE as ITEM_HEAD, ItemHead};

#[cfg(test)]
mod tests;
