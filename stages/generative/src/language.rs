//! How histories and items are written as tokens.
//!
//! Token 0 pads and starts the decoder, 1 ends a history. After these come the words of the prompt, where there is one, then
//! the tokens of the items by level.

use frames::Codes;
use recommender::beam::Trie;

/// The token that pads, and that the decoder starts from.
pub(crate) const PAD: i64 = 0;
const END: i64 = 1;

/// The words of P5's prompt for sequential recommendation, one token each.
const USER: i64 = 2;
const PURCHASED: i64 = 3;
const COMMA: i64 = 4;
const PREDICT: i64 = 5;

/// Values of a digit of a user's number.
const USER_BASE: usize = 100;

/// What stands around the items of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Nothing: the items' tokens alone.
    Bare,
    /// "user U has purchased I₁ , I₂ , …; predict the next item", U in digits of 100 values.
    Question { users: usize },
}

/// The tokens of items and of what stands around them.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) trie: Trie,
    /// By level and column of the trie.
    pub(crate) tokens: Vec<Vec<i64>>,
    /// By item.
    items: Vec<Vec<i64>>,
    prompt: Prompt,
    /// The first token of the user's digits.
    digits: i64,
    vocabulary: i64,
    max_length: usize,
}

impl Language {
    /// The language of items with these codes, whose histories are at most that long.
    pub(crate) fn new(codes: &Codes, prompt: Prompt, max_length: usize) -> Self {
        let trie = Trie::of(codes);
        let (digits, mut next) = match prompt {
            Prompt::Bare => (END + 1, END + 1),
            Prompt::Question { .. } => (PREDICT + 1, PREDICT + 1 + USER_BASE as i64),
        };
        let mut tokens = Vec::with_capacity(trie.levels.len());
        for level in &trie.levels {
            let count = level.len() as i64;
            tokens.push((next..next + count).collect::<Vec<i64>>());
            next += count;
        }
        let token = |(level, &code): (usize, &u32)| {
            let column = trie.levels[level].partition_point(|&other| other < code);
            tokens[level][column]
        };
        let item = |item: usize| codes.of(item).iter().enumerate().map(token).collect();
        let items = (0..codes.items()).map(item).collect();
        Self { trie, tokens, items, prompt, digits, vocabulary: next, max_length }
    }

    /// Number of tokens.
    pub(crate) fn vocabulary(&self) -> i64 {
        self.vocabulary
    }

    /// How many items have all tokens in common with another.
    pub(crate) fn colliding_items(&self) -> usize {
        let mut counts = std::collections::BTreeMap::<&[i64], usize>::new();
        for item in &self.items {
            *counts.entry(item).or_default() += 1;
        }
        counts.into_values().filter(|&count| count > 1).sum()
    }

    /// Tokens of an item.
    pub(crate) fn levels(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens of an item.
    pub(crate) fn item(&self, item: u32) -> &[i64] {
        &self.items[item as usize]
    }

    /// What the encoder reads: the latest items of a history, the newest last.
    pub(crate) fn history(&self, user: u32, history: &[u32]) -> Vec<i64> {
        let latest = &history[history.len().saturating_sub(self.max_length)..];
        let mut tokens = Vec::new();
        match self.prompt {
            Prompt::Bare => latest.iter().for_each(|&item| tokens.extend(self.item(item))),
            Prompt::Question { users } => {
                tokens.push(USER);
                let digits = digits(user as usize, USER_BASE, digit_count(users, USER_BASE));
                tokens.extend(digits.iter().map(|&digit| self.digits + i64::from(digit)));
                tokens.push(PURCHASED);
                for (place, &item) in latest.iter().enumerate() {
                    if place > 0 {
                        tokens.push(COMMA);
                    }
                    tokens.extend(self.item(item));
                }
                tokens.push(PREDICT);
            }
        }
        tokens.push(END);
        tokens
    }
}

/// How many digits numbers below `count` have.
pub(crate) fn digit_count(count: usize, base: usize) -> usize {
    let mut digits = 1;
    let mut reached = base;
    while reached < count {
        reached = reached.saturating_mul(base);
        digits += 1;
    }
    digits
}

/// The digits of a number, the most significant first.
pub(crate) fn digits(number: usize, base: usize, count: usize) -> Vec<u32> {
    let mut digits = vec![0; count];
    let mut left = number;
    for digit in digits.iter_mut().rev() {
        *digit = (left % base) as u32;
        left /= base;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_keep_the_latest_items() {
        let codes = Codes { levels: vec![vec![9, 3, 9], vec![0, 9, 9]] };
        let bare = Language::new(&codes, Prompt::Bare, 2);
        assert_eq!(bare.vocabulary(), 6);
        assert_eq!(bare.history(0, &[2, 0, 1]), [3, 4, 2, 5, 1]);
        assert_eq!(bare.history(0, &[]), [1]);
        let asked = Language::new(&codes, Prompt::Question { users: 300 }, 2);
        assert_eq!(asked.vocabulary(), 110);
        assert_eq!(asked.history(205, &[0, 1]), [2, 8, 11, 3, 107, 108, 4, 106, 109, 5, 1]);
    }

    #[test]
    fn digits_are_those_of_the_base() {
        assert_eq!(digits(1207, 100, 3), [0, 12, 7]);
        assert_eq!([1, 100, 101, 10_000, 10_001].map(|count| digit_count(count, 100)), [1, 1, 2, 2, 3]);
    }
}
