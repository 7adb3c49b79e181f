//! Code tokens: one for each code of each level.

use frames::Codes;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The token of a code, such as `<a_12>` for code 12 of level 0.
///
/// # Panics
/// When `level` is 26 or more: levels are the letters a to z.
#[must_use]
pub fn code_token(level: usize, code: u32) -> String {
    format!("<{}_{code}>", letter(level))
}

/// The level and code of a token, if it is one of a code.
#[must_use]
pub fn parse_code_token(token: &str) -> Option<(usize, u32)> {
    let (letter, code) = token.strip_prefix('<')?.strip_suffix('>')?.split_once('_')?;
    let level = match letter.as_bytes() {
        [letter @ b'a'..=b'z'] => usize::from(letter - b'a'),
        _ => return None,
    };
    Some((level, code.parse().ok()?))
}

/// The tokens of all codes that some item has, by level and then by code.
#[must_use]
pub fn code_tokens(codes: &Codes) -> Vec<String> {
    let in_use = codes.levels.iter().map(|level| level.iter().copied().collect::<BTreeSet<u32>>());
    in_use.enumerate().flat_map(|(level, codes)| codes.into_iter().map(move |code| code_token(level, code))).collect()
}

/// An item in a prompt: its tokens from the first level to the last, with nothing between them.
#[must_use]
pub fn item_text(codes: &Codes, item: usize) -> String {
    let mut text = String::with_capacity(8 * codes.levels.len());
    for (level, codes) in codes.levels.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "<{}_{}>", letter(level), codes[item]);
    }
    text
}

/// [`item_text`] of every item.
#[must_use]
pub fn item_texts(codes: &Codes) -> Vec<String> {
    (0..codes.items()).map(|item| item_text(codes, item)).collect()
}

fn letter(level: usize) -> char {
    char::from(b"abcdefghijklmnopqrstuvwxyz"[level])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_their_tokens_and_only_codes_in_use_have_one() {
        let codes = Codes { levels: vec![vec![12, 0, 12], vec![3, 255, 1]] };
        assert_eq!(item_texts(&codes), ["<a_12><b_3>", "<a_0><b_255>", "<a_12><b_1>"]);
        assert_eq!(code_tokens(&codes), ["<a_0>", "<a_12>", "<b_1>", "<b_3>", "<b_255>"]);
        assert_eq!(code_token(3, 7), "<d_7>");
        assert_eq!(parse_code_token("<d_7>"), Some((3, 7)));
        assert!(["<d_x>", "<dd_7>", "<pad>", "d_7", "<A_7>"].iter().all(|token| parse_code_token(token).is_none()));
    }
}
