//! Beam search under the trie, for a batch of users at once.

use crate::decoder::{Decoder, Session};
use contract::Result;
use recommender::beam::{Constraint, Fed, Leaf, LogProbabilities, NextCode, Support, supported_beam_search};

/// A batch of users whose prompts the model has read.
struct Batch<'a> {
    decoder: &'a Decoder<'a>,
    session: Session,
}

impl NextCode for Batch<'_> {
    fn feed(&mut self, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities> {
        self.decoder.feed(&mut self.session, beams)
    }
}

/// The leaves below the last beams of each user; `first` is log p of the first level.
pub(crate) fn search(
    decoder: &Decoder<'_>,
    session: Session,
    first: LogProbabilities,
    supports: &[Support],
    constraint: Constraint,
    width: usize,
) -> Result<Vec<Vec<Leaf>>> {
    let trie = decoder.codes().trie();
    supported_beam_search(&mut Batch { decoder, session }, first, supports, trie, constraint, width)
}
