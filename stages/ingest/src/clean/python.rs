//! Lists as Python prints them, which some published files have for text.

/// The strings of a list as Python prints it, such as `['one', "two's"]`; `None` for any other text.
pub(crate) fn python_list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (entry, after) = string(rest)?;
        entries.push(entry);
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(entries)
}

/// The string that the text begins with, and what is after it.
fn string(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let mut string = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Some((string, &text[at + 1..])),
            '\\' => {
                let (_, escaped) = letters.next()?;
                match escaped {
                    'n' => string.push('\n'),
                    't' => string.push('\t'),
                    'r' => string.push('\r'),
                    'x' => string.push(numbered(&mut letters, 2)?),
                    'u' => string.push(numbered(&mut letters, 4)?),
                    'U' => string.push(numbered(&mut letters, 8)?),
                    other => string.push(other),
                }
            }
            _ => string.push(letter),
        }
    }
    None
}

fn numbered(letters: &mut impl Iterator<Item = (usize, char)>, digits: usize) -> Option<char> {
    let mut code = 0;
    for _ in 0..digits {
        code = code * 16 + letters.next()?.1.to_digit(16)?;
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_other_text_is_not() {
        let of = |text| python_list(text).map(|entries| entries.join("|"));
        assert_eq!(of(r#"['one', "two's", 'thr\'ee\n\xe9']"#).as_deref(), Some("one|two's|thr'ee\né"));
        assert_eq!(of("[]").as_deref(), Some(""));
        assert_eq!(of("['a',]").as_deref(), Some("a"));
        for text in ["", "[", "[one]", "['a' 'b']", "['a", "a ['b']", "['\\"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
