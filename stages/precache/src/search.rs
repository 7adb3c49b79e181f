//! Beam search under the trie, for a batch of users at once.

use crate::decoder::{Decoder, Fed, LogProbabilities};
use crate::trie::{ROOT, Trie};
use contract::Result;

/// A whole code that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leaf {
    /// Its node in the trie.
    pub(crate) node: usize,
    /// The log-probability of its tokens.
    pub(crate) score: f32,
}

/// A path in the trie that goes on.
#[derive(Clone, Debug)]
struct Beam {
    node: usize,
    score: f32,
    /// The column of its newest code.
    column: usize,
    /// Where it and its ancestors stood among the user's beams, by level.
    path: Vec<usize>,
}

/// A beam one level further.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    parent: usize,
    column: usize,
    node: usize,
    score: f32,
}

/// The leaves below the last beams of each user, whose prompts must have one length; in no particular order.
pub(crate) fn search(decoder: &Decoder<'_>, trie: &Trie, prompts: &[&[i64]], width: usize) -> Result<Vec<Vec<Leaf>>> {
    let (mut session, mut next) = decoder.read(prompts)?;
    let root = Beam { node: ROOT, score: 0.0, column: 0, path: Vec::new() };
    let mut beams = vec![vec![root]; prompts.len()];
    for _ in 1..trie.levels.len() {
        for (user, beams) in beams.iter_mut().enumerate() {
            *beams = best(candidates(trie, beams, &next, user), beams, width);
        }
        let fed: Vec<Vec<Fed<'_>>> = beams.iter().map(|beams| beams.iter().map(Beam::fed).collect()).collect();
        next = decoder.feed(&mut session, &fed)?;
    }
    let leaves = beams.iter().enumerate().map(|(user, beams)| {
        let candidates = candidates(trie, beams, &next, user).into_iter();
        candidates.map(|Candidate { node, score, .. }| Leaf { node, score }).collect()
    });
    Ok(leaves.collect())
}

impl Beam {
    fn fed(&self) -> Fed<'_> {
        Fed { column: self.column, path: &self.path }
    }
}

/// All children of all beams, in the order of beams and of codes.
fn candidates(trie: &Trie, beams: &[Beam], next: &LogProbabilities, user: usize) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (parent, beam) in beams.iter().enumerate() {
        let after = next.after(user, parent);
        candidates.extend(trie.node(beam.node).children.iter().map(|child| Candidate {
            parent,
            column: child.column,
            node: child.node,
            score: beam.score + after[child.column],
        }));
    }
    candidates
}

/// The best candidates as beams; among equals the better parent's, then the smaller code.
fn best(mut candidates: Vec<Candidate>, parents: &[Beam], width: usize) -> Vec<Beam> {
    let order = |a: &Candidate, b: &Candidate| {
        b.score.total_cmp(&a.score).then_with(|| (a.parent, a.column).cmp(&(b.parent, b.column)))
    };
    if candidates.len() > width {
        candidates.select_nth_unstable_by(width - 1, order);
        candidates.truncate(width);
    }
    candidates.sort_unstable_by(order);
    let beam = |(slot, candidate): (usize, Candidate)| {
        let mut path = parents[candidate.parent].path.clone();
        path.push(slot);
        Beam { node: candidate.node, score: candidate.score, column: candidate.column, path }
    };
    candidates.into_iter().enumerate().map(beam).collect()
}
