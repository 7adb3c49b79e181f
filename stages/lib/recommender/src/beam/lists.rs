//! From codes to lists of items.

use super::search::Leaf;
use super::trie::Trie;
use crate::top_k::best_first;
use frames::NO_ITEM;

/// A list of items and scores, best first.
pub type Ranked = Vec<(u32, f32)>;

/// The best `top_k` items of the leaves: of all items, and of those that are not `seen`. Items of equal score are in
/// [`tie_order`](crate::tie_order). A leaf that no item has is a place with [`NO_ITEM`].
#[must_use]
pub fn ranked_items(trie: &Trie, leaves: &[Leaf], seen: &[u32], top_k: usize) -> (Ranked, Ranked) {
    let of_leaf = |leaf: &Leaf| match leaf.node {
        Some(node) => trie.node(node).items.iter().map(|&item| (item, leaf.score)).collect::<Vec<_>>(),
        None => vec![(NO_ITEM, leaf.score)],
    };
    let mut items: Ranked = leaves.iter().flat_map(of_leaf).collect();
    // No list reaches further down than this.
    let enough = top_k + seen.len();
    if items.len() > enough {
        items.select_nth_unstable_by(enough - 1, best_first);
        items.truncate(enough);
    }
    items.sort_unstable_by(best_first);
    let excluded = items.iter().copied().filter(|(item, _)| !seen.contains(item)).take(top_k).collect();
    items.truncate(top_k);
    (items, excluded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beam::ROOT;
    use crate::top_k::tie_order;
    use frames::Codes;

    #[test]
    fn items_of_one_code_share_its_score() {
        let trie = Trie::of(&Codes { levels: vec![vec![0, 1, 1, 1, 2]] });
        let scores = [-2.0, -1.0, -3.0];
        let children = trie.node(ROOT).children.iter();
        let leaves: Vec<Leaf> =
            children.map(|child| Leaf { node: Some(child.node), score: scores[child.column] }).collect();
        let (kept, excluded) = ranked_items(&trie, &leaves, &[2, 0], 4);
        let mut equals = [1, 2, 3];
        equals.sort_by_key(|&item| tie_order(item));
        let expected: Ranked = equals.iter().map(|&item| (item, -1.0)).chain([(0, -2.0)]).collect();
        assert_eq!(kept, expected);
        let unseen = equals.iter().filter(|&&item| item != 2).map(|&item| (item, -1.0));
        assert_eq!(excluded, unseen.chain([(4, -3.0)]).collect::<Ranked>());
        assert_eq!(ranked_items(&trie, &leaves, &[], 1).0.len(), 1);
    }
}
