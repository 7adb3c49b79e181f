//! Beam search under the trie, for a batch of users at once.

use super::support::Support;
use super::trie::{ROOT, Trie};
use contract::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which codes may follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// Those that an item has, so that every list entry is an item.
    #[default]
    Trie,
    /// Any of each level, as in LC-Rec. The `beam` best are the list, and those that no item has are misses in it.
    PerLevel,
}

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
    /// Its node in the trie; `None` where no item has it.
    pub node: Option<usize>,
    /// The log-probability of its tokens, and its support.
    pub score: f32,
}

/// A path in the trie that goes on.
#[derive(Clone, Debug)]
struct Beam {
    /// `None` once no item has these codes.
    node: Option<usize>,
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
    node: Option<usize>,
    /// The log-probability of its codes, without support.
    score: f32,
    /// The same with support: what beams are chosen by.
    supported: f32,
}

/// The leaves below the last beams of each of `users`, in no particular order.
///
/// `next` is log p of the first level, with one slot. At each level but the last the `width` best beams go on; at the
/// last all children of every remaining beam are leaves, or with [`Constraint::PerLevel`] the `width` best.
///
/// # Errors
/// When the model cannot compute log-probabilities.
pub fn beam_search(
    model: &mut impl NextCode,
    next: LogProbabilities,
    users: usize,
    trie: &Trie,
    constraint: Constraint,
    width: usize,
) -> Result<Vec<Vec<Leaf>>> {
    let none: Vec<Support> = (0..users).map(|_| Support::none()).collect();
    supported_beam_search(model, next, &none, trie, constraint, width)
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
    constraint: Constraint,
    width: usize,
) -> Result<Vec<Vec<Leaf>>> {
    let users = supports.len();
    let root = Beam { node: Some(ROOT), score: 0.0, column: 0, path: Vec::new() };
    let mut beams = vec![vec![root]; users];
    for _ in 1..trie.levels.len() {
        for (user, beams) in beams.iter_mut().enumerate() {
            *beams = best(candidates(trie, constraint, beams, &next, user, &supports[user]), beams, width);
        }
        let fed: Vec<Vec<Fed<'_>>> = beams.iter().map(|beams| beams.iter().map(Beam::fed).collect()).collect();
        next = model.feed(&fed)?;
    }
    let leaves = beams.iter().enumerate().map(|(user, beams)| {
        let mut candidates = candidates(trie, constraint, beams, &next, user, &supports[user]);
        if constraint == Constraint::PerLevel {
            keep_best(&mut candidates, width);
        }
        candidates.into_iter().map(|Candidate { node, supported, .. }| Leaf { node, score: supported }).collect()
    });
    Ok(leaves.collect())
}

impl Beam {
    fn fed(&self) -> Fed<'_> {
        Fed { column: self.column, path: &self.path }
    }
}

/// All that may follow all beams, in the order of beams and of codes.
fn candidates(
    trie: &Trie,
    constraint: Constraint,
    beams: &[Beam],
    next: &LogProbabilities,
    user: usize,
    support: &Support,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (parent, beam) in beams.iter().enumerate() {
        let after = next.after(user, parent);
        let candidate = |column: usize, node: Option<usize>| {
            let score = beam.score + after[column];
            let supported = score + node.map_or(0.0, |node| support.of(trie, node));
            Candidate { parent, column, node, score, supported }
        };
        match (constraint, beam.node) {
            (Constraint::Trie, None) => {}
            (Constraint::Trie, Some(node)) => {
                let children = trie.node(node).children.iter();
                candidates.extend(children.map(|child| candidate(child.column, Some(child.node))));
            }
            (Constraint::PerLevel, node) => {
                let below = |column| candidate(column, node.and_then(|node| trie.child(node, column)));
                candidates.extend((0..next.columns).map(below));
            }
        }
    }
    candidates
}

/// Leaves the best candidates, best first; among equals the better parent's, then the smaller code.
fn keep_best(candidates: &mut Vec<Candidate>, width: usize) {
    let order = |a: &Candidate, b: &Candidate| {
        b.supported.total_cmp(&a.supported).then_with(|| (a.parent, a.column).cmp(&(b.parent, b.column)))
    };
    if candidates.len() > width {
        candidates.select_nth_unstable_by(width - 1, order);
        candidates.truncate(width);
    }
    candidates.sort_unstable_by(order);
}

/// The best candidates as beams.
fn best(mut candidates: Vec<Candidate>, parents: &[Beam], width: usize) -> Vec<Beam> {
    keep_best(&mut candidates, width);
    let beam = |(slot, candidate): (usize, Candidate)| {
        let mut path = parents[candidate.parent].path.clone();
        path.push(slot);
        Beam { node: candidate.node, score: candidate.score, column: candidate.column, path }
    };
    candidates.into_iter().enumerate().map(beam).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::Codes;

    /// A model that finds code c of each level likely by its place, whatever came before.
    struct Fixed(Vec<Vec<f32>>, usize);

    impl Fixed {
        fn level(&self, level: usize, users: usize, slots: usize) -> LogProbabilities {
            let columns = self.0[level].len();
            LogProbabilities { values: self.0[level].repeat(users * slots), slots, columns }
        }
    }

    impl NextCode for Fixed {
        fn feed(&mut self, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities> {
            self.1 += 1;
            Ok(self.level(self.1, beams.len(), beams.iter().map(Vec::len).max().unwrap_or(0)))
        }
    }

    #[test]
    fn per_level_constraint_allows_codes_of_no_item() {
        // Items have the codes 00, 01 and 11: 10, the likeliest, is of none.
        let trie = Trie::of(&Codes { levels: vec![vec![0, 0, 1], vec![0, 1, 1]] });
        let search = |constraint, width| {
            let mut model = Fixed(vec![vec![-2.0, -1.0], vec![-1.0, -2.0]], 0);
            let first = model.level(0, 1, 1);
            let leaves = beam_search(&mut model, first, 1, &trie, constraint, width).unwrap().remove(0);
            let of = |leaf: &Leaf| (leaf.node.map(|node| trie.node(node).items[0]), leaf.score);
            leaves.iter().map(of).collect::<Vec<_>>()
        };
        let mut trie_only = search(Constraint::Trie, 3);
        trie_only.sort_by_key(|leaf| leaf.0);
        assert_eq!(trie_only, [(Some(0), -3.0), (Some(1), -4.0), (Some(2), -3.0)]);
        let free = search(Constraint::PerLevel, 3);
        assert_eq!(free, [(None, -2.0), (Some(2), -3.0), (Some(0), -3.0)]);
        // With one beam the list has one place, and code 10 takes it.
        assert_eq!(search(Constraint::PerLevel, 1), [(None, -2.0)]);
    }
}
