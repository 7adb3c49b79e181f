//! The trie of valid codes: its paths from the root to a leaf are the codes that items have.

use crate::top_k::tie_order;
use frames::Codes;

/// The root's place among the nodes.
pub const ROOT: usize = 0;

/// All valid codes.
#[derive(Debug)]
pub struct Trie {
    /// The codes in use at each level, ascending. A code's place in its level is its *column*.
    pub levels: Vec<Vec<u32>>,
    nodes: Vec<Node>,
    /// The number of items, those without a path among them.
    items: usize,
}

/// A prefix of a valid code.
#[derive(Debug, Default)]
pub struct Node {
    /// The codes that may follow, in ascending order.
    pub children: Vec<Child>,
    /// The items of a whole code, in [`tie_order`].
    pub items: Vec<u32>,
    /// How many items have a code that begins with this prefix.
    pub count: usize,
}

/// One step down.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// The code's place among the codes in use at its level.
    pub column: usize,
    /// The node below.
    pub node: usize,
}

impl Trie {
    /// The trie of the codes of all items.
    #[must_use]
    pub fn of(codes: &Codes) -> Self {
        Self::among(codes, |_| true)
    }

    /// The trie of the codes of those items that may be found.
    #[must_use]
    pub fn among(codes: &Codes, may_be_found: impl Fn(u32) -> bool) -> Self {
        let items: Vec<u32> = (0..).take(codes.items()).filter(|&item| may_be_found(item)).collect();
        let used = |level: &Vec<u32>| {
            let mut used: Vec<u32> = items.iter().map(|&item| level[item as usize]).collect();
            used.sort_unstable();
            used.dedup();
            used
        };
        let levels = codes.levels.iter().map(used).collect();
        let mut order: Vec<(Vec<u32>, u32)> = items.iter().map(|&item| (codes.of(item as usize), item)).collect();
        order.sort_unstable_by_key(|(code, item)| (code.clone(), tie_order(*item)));
        let mut trie = Self { levels, nodes: vec![Node::default()], items: codes.items() };
        for (code, item) in order {
            trie.nodes[ROOT].count += 1;
            let leaf = code.iter().enumerate().fold(ROOT, |node, (level, &code)| {
                let below = trie.below(node, level, code);
                trie.nodes[below].count += 1;
                below
            });
            trie.nodes[leaf].items.push(item);
        }
        trie
    }

    /// The node at that place.
    #[must_use]
    pub fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// The node below `node` for the code of that column, if an item has it.
    #[must_use]
    pub fn child(&self, node: usize, column: usize) -> Option<usize> {
        let children = &self.nodes[node].children;
        children.binary_search_by_key(&column, |child| child.column).ok().map(|place| children[place].node)
    }

    /// The nodes of all whole codes, in the order of the codes.
    #[must_use]
    pub fn leaves(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&node| !self.nodes[node].items.is_empty()).collect()
    }

    /// By item, the nodes of its code from the first level to the last; none for an item that cannot be found.
    #[must_use]
    pub fn paths(&self) -> Vec<Vec<usize>> {
        let mut paths = vec![Vec::new(); self.items];
        let mut open = vec![(ROOT, Vec::new())];
        while let Some((node, path)) = open.pop() {
            for &item in &self.nodes[node].items {
                paths[item as usize].clone_from(&path);
            }
            open.extend(self.nodes[node].children.iter().map(|child| {
                let path: Vec<usize> = path.iter().copied().chain([child.node]).collect();
                (child.node, path)
            }));
        }
        paths
    }

    /// The child of `node` for a code, made if it is new. Codes come sorted, so that a known child is the last one.
    fn below(&mut self, node: usize, level: usize, code: u32) -> usize {
        let column = self.levels[level].partition_point(|&other| other < code);
        match self.nodes[node].children.last() {
            Some(last) if last.column == column => last.node,
            _ => {
                let child = Child { column, node: self.nodes.len() };
                self.nodes[node].children.push(child);
                self.nodes.push(Node::default());
                child.node
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_paths_are_the_codes_and_its_leaves_hold_their_items() {
        let codes = Codes { levels: vec![vec![9, 2, 9, 9, 2], vec![1, 1, 1, 7, 1]] };
        let trie = Trie::of(&codes);
        assert_eq!(trie.levels, [[2, 9], [1, 7]]);
        let mut paths = Vec::new();
        for first in &trie.node(ROOT).children {
            for second in &trie.node(first.node).children {
                let code = [trie.levels[0][first.column], trie.levels[1][second.column]];
                paths.push((code, trie.node(second.node).items.clone()));
            }
        }
        let ordered = |mut items: Vec<u32>| {
            items.sort_by_key(|&item| tie_order(item));
            items
        };
        let first = trie.node(ROOT).children[0].node;
        assert_eq!((trie.child(ROOT, 0), trie.child(first, 1)), (Some(first), None));
        assert_eq!(paths, [([2, 1], ordered(vec![1, 4])), ([9, 1], ordered(vec![0, 2])), ([9, 7], vec![3])]);
        let nines = trie.child(ROOT, 1).unwrap();
        assert_eq!((trie.node(ROOT).count, trie.node(nines).count), (5, 3));
        assert_eq!(trie.paths()[3], [nines, trie.child(nines, 1).unwrap()]);
        assert_eq!(trie.leaves().iter().map(|&leaf| trie.node(leaf).items.len()).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(trie.child(trie.child(ROOT, 0).unwrap(), 1), None);
        let some = Trie::among(&codes, |item| item >= 3);
        assert_eq!((&some.levels, some.node(ROOT).count), (&vec![vec![2, 9], vec![1, 7]], 2));
        assert_eq!(some.leaves().iter().map(|&leaf| some.node(leaf).items.clone()).collect::<Vec<_>>(), [[4], [3]]);
        assert_eq!(some.paths().iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 0, 2, 2]);
    }
}
