//! Beam search for items by their codes: a beam is a path in the trie of the codes that items have.

mod lists;
mod search;
mod support;
mod trie;

pub use lists::{Ranked, ranked_items};
pub use search::{Constraint, Fed, Leaf, LogProbabilities, NextCode, ancestors, beam_search, supported_beam_search};
pub use support::{Support, Supporters};
pub use trie::{Child, Node, ROOT, Trie};
