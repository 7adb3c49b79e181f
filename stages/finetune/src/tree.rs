//! Samples merged by their beginnings.

use crate::samples::Sample;
use decoding::ItemCodes;
use std::collections::{BTreeMap, HashMap};

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
    /// The nodes at which a whole code ends, with its number.
    pub(crate) items: Vec<(u32, u32)>,
    /// The items that the item head is to predict, sorted by node, then code.
    pub(crate) next_items: Vec<NextItem>,
}

/// A term of the loss: after that node comes that token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) node: u32,
    pub(crate) token: u32,
    /// How many samples have this term.
    pub(crate) weight: f32,
}

/// A term of the item head's loss: after that node comes the item of that code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NextItem {
    pub(crate) node: u32,
    pub(crate) code: u32,
    /// How many samples have this term.
    pub(crate) weight: f32,
}

impl TokenTree {
    /// The tree of a group's samples. The last token of a sample predicts nothing, so it is a node only when another
    /// sample goes on from there. With `codes` its items are found.
    pub(crate) fn merge<'a>(samples: impl IntoIterator<Item = &'a Sample>, codes: Option<&ItemCodes<'_>>) -> Self {
        let mut tree = Self::default();
        let mut children: HashMap<(Option<u32>, u32), u32> = HashMap::new();
        let mut weights: HashMap<(u32, u32), f32> = HashMap::new();
        let mut items: BTreeMap<u32, u32> = BTreeMap::new();
        let mut next_items: BTreeMap<(u32, u32), f32> = BTreeMap::new();
        for sample in samples {
            let mut parent = None;
            let mut path = Vec::with_capacity(sample.tokens.len());
            for (depth, &token) in sample.tokens[..sample.tokens.len() - 1].iter().enumerate() {
                let node = *children.entry((parent, token)).or_insert_with(|| tree.push(token, parent, depth));
                path.push(node);
                let next = depth + 1;
                if next >= sample.label {
                    *weights.entry((node, sample.tokens[next])).or_default() += 1.0;
                }
                parent = Some(node);
            }
            let Some(codes) = codes else { continue };
            let found = |tokens: &[u32]| codes.find(tokens.iter().copied().map(i64::from));
            items.extend(found(&sample.tokens[..path.len()]).into_iter().map(|(place, code)| (path[place], code)));
            if let Some(&(_, code)) = found(&sample.tokens[sample.label..]).first().filter(|_| sample.asks_next_item) {
                *next_items.entry((path[sample.label - 1], code)).or_default() += 1.0;
            }
        }
        tree.items = items.into_iter().collect();
        tree.next_items =
            next_items.into_iter().map(|((node, code), weight)| NextItem { node, code, weight }).collect();
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

    /// Number of terms of the item head's loss, each counted as often as samples have it.
    pub(crate) fn item_terms(&self) -> f64 {
        self.next_items.iter().map(|next| f64::from(next.weight)).sum()
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
    use frames::Codes;
    use recommender::beam::Trie;

    fn sample(tokens: &[u32], label: usize) -> Sample {
        Sample { tokens: tokens.to_vec(), label, asks_next_item: true }
    }

    #[test]
    fn shared_beginnings_exist_once() {
        let tree = TokenTree::merge(
            &[
                sample(&[1, 10, 20, 21], 2),
                sample(&[1, 10, 20, 21], 2),
                sample(&[1, 10, 20, 22], 2),
                sample(&[1, 10, 20, 21, 30], 4),
                sample(&[1, 11, 40], 2),
            ],
            None,
        );
        assert_eq!(tree.tokens, [1, 10, 20, 21, 11]);
        assert_eq!(tree.parents, [None, Some(0), Some(1), Some(2), Some(0)]);
        assert_eq!(tree.depths, [0, 1, 2, 3, 1]);
        let terms: Vec<_> = tree.targets.iter().map(|one| (one.node, one.token, one.weight)).collect();
        assert_eq!(terms, [(1, 20, 3.0), (2, 21, 2.0), (2, 22, 1.0), (3, 30, 1.0), (4, 40, 1.0)]);
        assert!((tree.terms() - 8.0).abs() < 1e-12);
    }

    #[test]
    fn items_of_histories_and_next_items_are_found() {
        // Codes 0 = 10 20, 1 = 10 21, 2 = 11 20.
        let trie = Trie::of(&Codes { levels: vec![vec![0, 0, 1], vec![0, 1, 0]] });
        let codes = ItemCodes::with_tokens(&trie, vec![vec![10, 11], vec![20, 21]]);
        let unwanted = Sample { asks_next_item: false, ..sample(&[1, 10, 20, 5, 10, 21], 4) };
        let samples =
            [sample(&[1, 10, 20], 1), sample(&[1, 10, 20, 11, 20], 3), sample(&[1, 10, 20, 11, 20], 3), unwanted];
        let tree = TokenTree::merge(&samples, Some(&codes));
        assert_eq!(tree.tokens, [1, 10, 20, 11, 5, 10]);
        assert_eq!(tree.items, [(2, 0)]);
        let next: Vec<_> = tree.next_items.iter().map(|next| (next.node, next.code, next.weight)).collect();
        assert_eq!(next, [(0, 0, 1.0), (2, 2, 2.0)]);
        assert!((tree.item_terms() - 3.0).abs() < 1e-12);
    }
}
