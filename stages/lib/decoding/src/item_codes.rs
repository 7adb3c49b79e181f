//! Items in a sequence of tokens: the codes of a whole item, one after the other.

use contract::{Failure, FailureKind, Result};
use prompts::code_token;
use recommender::beam::{ROOT, Trie};
use std::collections::HashMap;
use tokenizers::Tokenizer;

/// The tokens of codes, and the number of each whole code: its place among all whole codes, in their order.
///
/// Items of equal codes have one number: to the language model they are one.
#[derive(Debug)]
pub struct ItemCodes<'a> {
    trie: &'a Trie,
    /// By level and column.
    tokens: Vec<Vec<i64>>,
    /// Level and column of a token.
    places: HashMap<i64, (usize, usize)>,
    /// The nodes of whole codes.
    leaves: Vec<usize>,
}

impl<'a> ItemCodes<'a> {
    /// The codes of a trie as tokens of a tokenizer.
    ///
    /// # Errors
    /// When the tokenizer lacks one of them.
    pub fn new(trie: &'a Trie, tokenizer: &Tokenizer) -> Result<Self> {
        let token = |level: usize, &code: &u32| {
            let name = code_token(level, code);
            tokenizer.token_to_id(&name).map(i64::from).ok_or_else(|| {
                Failure::new(FailureKind::Conflict, format!("the tuned model's tokenizer has no token '{name}'"))
                    .hint("the model must be tuned on the same codes: bind the same 'codes' to finetune and precache")
            })
        };
        let level = |(level, codes): (usize, &Vec<u32>)| codes.iter().map(|code| token(level, code)).collect();
        Ok(Self::with_tokens(trie, trie.levels.iter().enumerate().map(level).collect::<Result<_>>()?))
    }

    /// The codes of a trie, whose tokens are given by level and column.
    #[must_use]
    pub fn with_tokens(trie: &'a Trie, tokens: Vec<Vec<i64>>) -> Self {
        let of_level = |(level, tokens): (usize, &Vec<i64>)| {
            tokens.iter().enumerate().map(move |(column, &token)| (token, (level, column))).collect::<Vec<_>>()
        };
        let places = tokens.iter().enumerate().flat_map(of_level).collect();
        Self { trie, tokens, places, leaves: trie.leaves() }
    }

    /// The trie.
    #[must_use]
    pub fn trie(&self) -> &'a Trie {
        self.trie
    }

    /// The tokens of a level, by column.
    #[must_use]
    pub fn tokens(&self, level: usize) -> &[i64] {
        &self.tokens[level]
    }

    /// The nodes of all whole codes in the trie: the number of a code is its place here.
    #[must_use]
    pub fn leaves(&self) -> &[usize] {
        &self.leaves
    }

    /// The whole codes in a sequence of tokens: where each ends, and its number.
    #[must_use]
    pub fn find(&self, tokens: impl IntoIterator<Item = i64>) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        let (mut node, mut depth) = (ROOT, 0);
        for (place, token) in tokens.into_iter().enumerate() {
            let at = self.places.get(&token).copied();
            let below = |from: usize| at.and_then(|(_, column)| self.trie.child(from, column));
            let next = match at {
                Some((level, _)) if level == depth => below(node),
                _ => None,
            };
            (node, depth) = match (next, at) {
                (Some(next), _) => (next, depth + 1),
                // What breaks a code off may begin another.
                (None, Some((0, _))) => (below(ROOT).unwrap_or(ROOT), 1),
                (None, _) => (ROOT, 0),
            };
            if depth == self.tokens.len() {
                if let Ok(number) = self.leaves.binary_search(&node) {
                    found.push((place, number as u32));
                }
                (node, depth) = (ROOT, 0);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::Codes;

    #[test]
    fn whole_codes_are_found_where_they_end() {
        // Codes 00, 01 (two items), 10.
        let trie = Trie::of(&Codes { levels: vec![vec![0, 0, 1, 0], vec![0, 1, 0, 1]] });
        let codes = ItemCodes::with_tokens(&trie, vec![vec![10, 11], vec![20, 21]]);
        assert_eq!(codes.leaves().len(), 3);
        assert_eq!(codes.find([5, 10, 21, 11, 20, 7]), [(2, 1), (4, 2)]);
        // A code that no item has, one that breaks off, and one that begins behind it.
        assert_eq!(codes.find([11, 21, 10, 10, 20, 20, 11]), [(4, 0)]);
        let one_level = Trie::of(&Codes { levels: vec![vec![3, 5]] });
        assert_eq!(ItemCodes::with_tokens(&one_level, vec![vec![1, 2]]).find([2, 9, 1]), [(0, 1), (2, 0)]);
    }
}
