//! Beam search under the trie, for a batch of users at once.

use crate::decoder::{Decoder, Session};
use contract::Result;
use recommender::beam::{Fed, Leaf, LogProbabilities, NextCode, Trie, beam_search};

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

/// The leaves below the last beams of each user, whose prompts must have one length; in no particular order.
pub(crate) fn search(decoder: &Decoder<'_>, trie: &Trie, prompts: &[&[i64]], width: usize) -> Result<Vec<Vec<Leaf>>> {
    let (session, next) = decoder.read(prompts)?;
    beam_search(&mut Batch { decoder, session }, next, prompts.len(), trie, width)
}
