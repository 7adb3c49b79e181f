//! Removes secrets from what a stage prints, as they are and in the encodings that programs commonly print.
//!
//! Each line of a secret is found:
//!
//! - as it is;
//! - with any of its characters escaped as in JSON, Python, JavaScript or a shell (`\u00f1`, `\ud83d\ude00`, `\U0001f600`,
//!   `\u{f1}`, `\xf1`, `\"`, `\/`, `\n`), with hexadecimal digits of either case and any number of backslashes, so that
//!   JSON inside JSON is found too;
//! - with any of its bytes percent-encoded, once or several times, and with `+` for a space;
//! - from 6 bytes on: in hexadecimal, and in base64 of either alphabet at any offset in what was encoded.

/// The replacement of a secret.
const REPLACEMENT: &str = "***";

/// The fewest bytes of a secret whose base64 and hexadecimal forms are long enough not to be found by chance.
const FEWEST_ENCODED: usize = 6;

/// Lines of a secret of several lines that are shorter than this, such as `{`, are no secrets of their own.
const SHORT_LINE: usize = 4;

/// How many bytes one byte of a secret may become in an escaped form that is cut between two pieces of a long line.
const WIDEST_ESCAPE: usize = 16;

/// Finds secrets in text and replaces them.
#[derive(Debug)]
pub(crate) struct Redactor {
    patterns: Vec<Pattern>,
    /// The bytes with which any form of a secret may begin.
    beginnings: [bool; 256],
}

#[derive(Debug)]
enum Pattern {
    /// Characters, each as it is or escaped.
    Characters(Vec<char>),
    /// An encoded form.
    Exact { text: Vec<u8>, ignore_case: bool },
}

impl Redactor {
    /// Finds these secrets.
    pub(crate) fn new(secrets: &[String]) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets {
            for line in lines(secret) {
                patterns.push(Pattern::Characters(line.chars().collect()));
                patterns.extend(encoded(line.as_bytes()));
            }
            if secret.contains(['\n', '\r']) {
                patterns.extend(encoded(secret.as_bytes()));
            }
        }
        let mut beginnings = [false; 256];
        for pattern in &patterns {
            pattern.mark_beginnings(&mut beginnings);
        }
        Self { patterns, beginnings }
    }

    /// The text without secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut copied = 0;
        for (start, end) in self.matches(text) {
            redacted.push_str(&text[copied..start]);
            redacted.push_str(REPLACEMENT);
            copied = end;
        }
        redacted.push_str(&text[copied..]);
        redacted
    }

    /// Whether a string has no secret in it.
    pub(crate) fn is_clean(&self, text: &str) -> bool {
        self.matches(text).next().is_none()
    }

    /// Where a line that is too long may be cut so that neither piece has a part of a secret whose rest is in the other,
    /// whatever follows the text.
    pub(crate) fn cut(&self, text: &str) -> usize {
        let longest = self.patterns.iter().map(Pattern::longest).max().unwrap_or(0);
        let mut cut = text.floor_char_boundary(text.len().saturating_sub(longest));
        if let Some((start, _)) = self.matches(text).find(|(start, end)| *start < cut && cut < *end) {
            cut = start;
        }
        if cut == 0 { text.len() } else { cut }
    }

    fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        let bytes = text.as_bytes();
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < bytes.len() {
                let start = at;
                if self.beginnings[usize::from(bytes[start])]
                    && let Some(end) = self.patterns.iter().filter_map(|pattern| pattern.end(bytes, start)).max()
                {
                    at = end;
                    return Some((start, end));
                }
                at += 1;
            }
            None
        })
    }
}

/// The lines of a secret that are secrets of their own.
fn lines(secret: &str) -> Vec<&str> {
    let all: Vec<&str> = secret.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
    let long: Vec<&str> = all.iter().copied().filter(|line| line.trim().len() >= SHORT_LINE).collect();
    if long.is_empty() { all } else { long }
}

impl Pattern {
    fn mark_beginnings(&self, beginnings: &mut [bool; 256]) {
        match self {
            Self::Characters(characters) => {
                let first = characters.first().map_or_else(String::new, ToString::to_string);
                for byte in first.bytes().take(1).chain(*b"\\%") {
                    beginnings[usize::from(byte)] = true;
                }
                beginnings[usize::from(b'+')] |= first == " ";
            }
            Self::Exact { text, ignore_case } => {
                for byte in text.iter().take(1) {
                    beginnings[usize::from(*byte)] = true;
                    if *ignore_case {
                        beginnings[usize::from(byte.to_ascii_uppercase())] = true;
                    }
                }
            }
        }
    }

    fn longest(&self) -> usize {
        match self {
            Self::Characters(characters) => characters.iter().map(|c| c.len_utf8()).sum::<usize>() * WIDEST_ESCAPE,
            Self::Exact { text, .. } => text.len(),
        }
    }

    /// Where the longest match that begins at `start` ends.
    fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        match self {
            Self::Characters(characters) => {
                let mut ends = vec![start];
                for character in characters {
                    let mut next = Vec::new();
                    for at in ends {
                        add_ends(text, at, *character, &mut next);
                    }
                    next.sort_unstable();
                    next.dedup();
                    if next.is_empty() {
                        return None;
                    }
                    ends = next;
                }
                ends.last().copied()
            }
            Self::Exact { text: form, ignore_case } => {
                let found = text.get(start..start + form.len())?;
                let same = if *ignore_case { found.eq_ignore_ascii_case(form) } else { found == form.as_slice() };
                same.then_some(start + form.len())
            }
        }
    }
}

/// Adds where a character that stands at `at`, as it is or escaped, may end.
fn add_ends(text: &[u8], at: usize, character: char, ends: &mut Vec<usize>) {
    let mut buffer = [0; 4];
    let plain = character.encode_utf8(&mut buffer).as_bytes();
    let Some(rest) = text.get(at..) else { return };
    if rest.starts_with(plain) {
        ends.push(at + plain.len());
    }
    if character == ' ' && rest.first() == Some(&b'+') {
        ends.push(at + 1);
    }
    let backslashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    if backslashes > 0 {
        if character == '\\' {
            ends.extend((2..=backslashes).map(|count| at + count));
        }
        add_escape_ends(text, at + backslashes, character, plain, ends);
    }
    add_ends_of_bytes(text, at, plain, |at, byte| percent_encoded(text, at, byte), ends);
    add_ends_of_bytes(text, at, plain, |at, byte| hexadecimal_escape(text, at, byte), ends);
}

/// The same for what follows the backslashes of an escape.
fn add_escape_ends(text: &[u8], at: usize, character: char, plain: &[u8], ends: &mut Vec<usize>) {
    let rest = &text[at..];
    if character.is_ascii_punctuation() && rest.starts_with(plain) {
        ends.push(at + plain.len());
    }
    let short = match character {
        '\u{8}' => Some(b'b'),
        '\u{c}' => Some(b'f'),
        '\n' => Some(b'n'),
        '\r' => Some(b'r'),
        '\t' => Some(b't'),
        _ => None,
    };
    if short.is_some() && rest.first().copied() == short {
        ends.push(at + 1);
    }
    let code = u32::from(character);
    let numbered = |letter: u8, digits: usize| {
        (rest.first() == Some(&letter) && number(rest, 1, digits) == Some(code)).then_some(at + 1 + digits)
    };
    ends.extend([numbered(b'x', 2), numbered(b'u', 4), numbered(b'U', 8)].into_iter().flatten());
    if rest.starts_with(b"u{") {
        let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if number(rest, 2, digits) == Some(code) && rest.get(2 + digits) == Some(&b'}') {
            ends.push(at + 3 + digits);
        }
    }
    let mut units = [0; 2];
    if let [high, low] = *character.encode_utf16(&mut units)
        && rest.first() == Some(&b'u')
        && number(rest, 1, 4) == Some(u32::from(high))
    {
        let backslashes = rest[5..].iter().take_while(|byte| **byte == b'\\').count();
        let second = 5 + backslashes;
        if backslashes > 0 && rest.get(second) == Some(&b'u') && number(rest, second + 1, 4) == Some(u32::from(low)) {
            ends.push(at + second + 5);
        }
    }
}

/// Adds where a character may end of which each byte is escaped by itself.
fn add_ends_of_bytes(
    text: &[u8],
    at: usize,
    bytes: &[u8],
    escaped: impl Fn(usize, u8) -> Vec<usize>,
    ends: &mut Vec<usize>,
) {
    if !matches!(text.get(at), Some(b'%' | b'\\')) {
        return;
    }
    let all = bytes
        .iter()
        .fold(vec![at], |starts, byte| starts.into_iter().flat_map(|start| escaped(start, *byte)).collect::<Vec<_>>());
    ends.extend(all);
}

/// Where `%f1` ends, or `%25f1` where what was encoded was encoded again.
fn percent_encoded(text: &[u8], at: usize, byte: u8) -> Vec<usize> {
    let mut ends = Vec::new();
    if text.get(at) != Some(&b'%') {
        return ends;
    }
    let mut digits = at + 1;
    loop {
        if number(text, digits, 2) == Some(u32::from(byte)) {
            ends.push(digits + 2);
        }
        if text.get(digits..digits + 2) != Some(b"25") {
            return ends;
        }
        digits += 2;
    }
}

/// Where `\xf1` ends.
fn hexadecimal_escape(text: &[u8], at: usize, byte: u8) -> Vec<usize> {
    let backslashes = text.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'\\').count();
    let digits = at + backslashes + 1;
    let is_one =
        backslashes > 0 && text.get(digits - 1) == Some(&b'x') && number(text, digits, 2) == Some(u32::from(byte));
    if is_one { vec![digits + 2] } else { Vec::new() }
}

/// The value of so many hexadecimal digits.
fn number(text: &[u8], at: usize, digits: usize) -> Option<u32> {
    let digits = text.get(at..at + digits).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The forms of a secret as a whole.
fn encoded(secret: &[u8]) -> Vec<Pattern> {
    if secret.len() < FEWEST_ENCODED {
        return Vec::new();
    }
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![Pattern::Exact { text: hexadecimal.into_bytes(), ignore_case: true }];
    for alphabet in [*b"+/", *b"-_"] {
        for offset in 0..3 {
            forms.push(Pattern::Exact { text: base64(secret, offset, alphabet), ignore_case: false });
        }
    }
    forms
}

/// The digits of base64 that a secret alone decides when `offset` bytes stand before it in its group of three.
fn base64(secret: &[u8], offset: usize, last_two: [u8; 2]) -> Vec<u8> {
    let bit = |at: usize| {
        let (byte, shift) = (at / 8, 7 - at % 8);
        secret[byte - offset] >> shift & 1
    };
    let (first, end) = ((offset * 8).div_ceil(6), (offset + secret.len()) * 8 / 6);
    (first..end)
        .map(|digit| match (0..6).fold(0, |value, at| value << 1 | bit(digit * 6 + at)) {
            value @ 0..26 => b'A' + value,
            value @ 26..52 => b'a' + value - 26,
            value @ 52..62 => b'0' + value - 52,
            value => last_two[usize::from(value - 62)],
        })
        .collect()
}

#[cfg(test)]
mod tests;
