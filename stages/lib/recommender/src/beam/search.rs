//! Beam search under the trie, for a batch of users at once.

use super::support::Support;
use super::trie::{ROOT, Trie};
use contract::Result;

/// A model that reads the beams of a batch of users and predicts their next codes.
pub trait NextCode {
    /// Reads the newest code of every beam, `beams[user][slot]`, and gives log p of the level after it.
    ///
    /// # Errors
    /// When the model cannot compute them, or one is not finite.
    fn feed(&mut self, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities>;
}

/// log p of every code in use at one level: `[users, slots, columns]`.
#[derive(Debug)]
pub struct LogProbabilities {
    /// Row by row.
    pub values: Vec<f32>,
    /// How many beams each user has room for.
    pub slots: usize,
    /// How many codes are in use at the level.
    pub columns: usize,
}

/// What is fed for one beam.
#[derive(Debug)]
pub struct Fed<'a> {
    /// The column of its newest code.
    pub column: usize,
    /// The slots of its ancestors and its own, by level.
    pub path: &'a [usize],
}

impl LogProbabilities {
    /// Of one user after one beam, by column.
    fn after(&self, user: usize, slot: usize) -> &[f32] {
        let start = (user * self.slots + slot) * self.columns;
        &self.values[start..start + self.columns]
    }
}

/// The mask `[users, width, before + slots fed]` by which a beam sees the `before` tokens that all beams follow, its
/// ancestors and itself. A slot without a beam sees those tokens alone. `widths` are the slots fed so far, by level, with
/// those of this call.
#[must_use]
pub fn ancestors(beams: &[Vec<Fed<'_>>], widths: &[usize], before: usize) -> Vec<bool> {
    let width = widths.last().copied().unwrap_or(0);
    let seen = before + widths.iter().sum::<usize>();
    let mut mask = vec![false; beams.len() * width * seen];
    for (row, cells) in mask.chunks_mut(seen).enumerate() {
        cells[..before].fill(true);
        if let Some(beam) = beams[row / width].get(row % width) {
            let mut start = before;
            for (slot, width) in beam.path.iter().zip(widths) {
                cells[start + slot] = true;
                start += width;
            }
        }
    }
    mask
}

/// A whole code that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaf {
    /// Its node in the trie.
    pub node: usize,
    /// The log-probability of its tokens, and its support.
    pub score: f32,
}

/// A path in the trie that goes on.
#[derive(Clone, Debug)]
struct Beam {
    node: usize,
    /// The log-probability of its codes, without support.
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
    /// The log-probability of its codes, without support.
    score: f32,
    /// The same with support: what beams are chosen by.
    supported: f32,
}

/// The leaves below the last beams of each of `users`, in no particular order.
///
/// `next` is log p of the first level, with one slot. At each level but the last the `width` best beams go on; at the
/// last all children of every remaining beam are leaves.
///
/// # Errors
/// When the model cannot compute log-probabilities.
pub fn beam_search(
    model: &mut impl NextCode,
    next: LogProbabilities,
    users: usize,
    trie: &Trie,
    width: usize,
) -> Result<Vec<Vec<Leaf>>> {
    let none: Vec<Support> = (0..users).map(|_| Support::none()).collect();
    supported_beam_search(model, next, &none, trie, width)
}

/// [`beam_search`] in which each user's support of a prefix is added to its log-probability before beams are chosen.
///
/// # Errors
/// When the model cannot compute log-probabilities.
pub fn supported_beam_search(
    model: &mut impl NextCode,
    mut next: LogProbabilities,
    supports: &[Support],
    trie: &Trie,
    width: usize,
) -> Result<Vec<Vec<Leaf>>> {
    let users = supports.len();
    let root = Beam { node: ROOT, score: 0.0, column: 0, path: Vec::new() };
    let mut beams = vec![vec![root]; users];
    for _ in 1..trie.levels.len() {
        for (user, beams) in beams.iter_mut().enumerate() {
            *beams = best(candidates(trie, beams, &next, user, &supports[user]), beams, width);
        }
        let fed: Vec<Vec<Fed<'_>>> = beams.iter().map(|beams| beams.iter().map(Beam::fed).collect()).collect();
        next = model.feed(&fed)?;
    }
    let leaves = beams.iter().enumerate().map(|(user, beams)| {
        let candidates = candidates(trie, beams, &next, user, &supports[user]).into_iter();
        candidates.map(|Candidate { node, supported, .. }| Leaf { node, score: supported }).collect()
    });
    Ok(leaves.collect())
}

impl Beam {
    fn fed(&self) -> Fed<'_> {
        Fed { column: self.column, path: &self.path }
    }
}

/// All children of all beams, in the order of beams and of codes.
fn candidates(trie: &Trie, beams: &[Beam], next: &LogProbabilities, user: usize, support: &Support) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (parent, beam) in beams.iter().enumerate() {
        let after = next.after(user, parent);
        candidates.extend(trie.node(beam.node).children.iter().map(|child| {
            let score = beam.score + after[child.column];
            let supported = score + support.of(trie, child.node);
            Candidate { parent, column: child.column, node: child.node, score, supported }
        }));
    }
    candidates
}

/// The best candidates as beams; among equals the better parent's, then the smaller code.
fn best(mut candidates: Vec<Candidate>, parents: &[Beam], width: usize) -> Vec<Beam> {
    let order = |a: &Candidate, b: &Candidate| {
        b.supported.total_cmp(&a.supported).then_with(|| (a.parent, a.column).cmp(&(b.parent, b.column)))
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
