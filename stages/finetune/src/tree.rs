//! Samples merged by their beginnings.

use crate::samples::Sample;
use std::collections::HashMap;

/// Tokens of samples that share beginnings; each distinct beginning is there once. Parents stand before children.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TokenTree {
    /// The token of each node.
    pub(crate) tokens: Vec<u32>,
    /// The node before it, none for a first token.
    pub(crate) parents: Vec<Option<u32>>,
    /// Its position in its samples, from 0.
    pub(crate) depths: Vec<u32>,
    /// What is to be predicted, sorted by node, then token.
    pub(crate) targets: Vec<Target>,
}

/// A term of the loss: after that node comes that token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) node: u32,
    pub(crate) token: u32,
    /// How many samples have this term.
    pub(crate) weight: f32,
}

impl TokenTree {
    /// The tree of a group's samples. The last token of a sample predicts nothing, so it is a node only when another
    /// sample goes on from there.
    pub(crate) fn merge<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut tree = Self::default();
        let mut children: HashMap<(Option<u32>, u32), u32> = HashMap::new();
        let mut weights: HashMap<(u32, u32), f32> = HashMap::new();
        for sample in samples {
            let mut parent = None;
            for (depth, &token) in sample.tokens[..sample.tokens.len() - 1].iter().enumerate() {
                let node = *children.entry((parent, token)).or_insert_with(|| tree.push(token, parent, depth));
                let next = depth + 1;
                if next >= sample.label {
                    *weights.entry((node, sample.tokens[next])).or_default() += 1.0;
                }
                parent = Some(node);
            }
        }
        tree.targets = weights.into_iter().map(|((node, token), weight)| Target { node, token, weight }).collect();
        tree.targets.sort_unstable_by_key(|target| (target.node, target.token));
        tree
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Number of terms of the loss, each counted as often as samples have it.
    pub(crate) fn terms(&self) -> f64 {
        self.targets.iter().map(|target| f64::from(target.weight)).sum()
    }

    /// Whether no node has two successors, as with a single sample.
    pub(crate) fn is_chain(&self) -> bool {
        self.parents.iter().enumerate().all(|(node, parent)| parent.map_or(0, |parent| parent as usize + 1) == node)
    }

    fn push(&mut self, token: u32, parent: Option<u32>, depth: usize) -> u32 {
        self.tokens.push(token);
        self.parents.push(parent);
        self.depths.push(depth as u32);
        (self.tokens.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tokens: &[u32], label: usize) -> Sample {
        Sample { tokens: tokens.to_vec(), label }
    }

    #[test]
    fn shared_beginnings_exist_once() {
        let tree = TokenTree::merge(&[
            sample(&[1, 10, 20, 21], 2),
            sample(&[1, 10, 20, 21], 2),
            sample(&[1, 10, 20, 22], 2),
            sample(&[1, 10, 20, 21, 30], 4),
            sample(&[1, 11, 40], 2),
        ]);
        assert_eq!(tree.tokens, [1, 10, 20, 21, 11]);
        assert_eq!(tree.parents, [None, Some(0), Some(1), Some(2), Some(0)]);
        assert_eq!(tree.depths, [0, 1, 2, 3, 1]);
        let terms: Vec<_> = tree.targets.iter().map(|one| (one.node, one.token, one.weight)).collect();
        assert_eq!(terms, [(1, 20, 3.0), (2, 21, 2.0), (2, 22, 1.0), (3, 30, 1.0), (4, 40, 1.0)]);
        assert!((tree.terms() - 8.0).abs() < 1e-12);
    }
}
