//! Text as published, made plain.

mod python;

pub(crate) use python::python_list;

use crate::formats::Field;
use crate::parameters::Cleaning;
use std::borrow::Cow;

/// The text of a field: a string itself, the strings of a list joined by spaces, anything else nothing; cleaned.
pub(crate) fn clean(field: &Field<'_>, cleaning: Cleaning) -> String {
    match field {
        Field::Text(text) => clean_text(text, cleaning).into_owned(),
        Field::List(_) => {
            let parts: Vec<&str> = field.strings().collect();
            clean_text(&parts.join(" "), cleaning).into_owned()
        }
        _ => String::new(),
    }
}

/// The text without tags, entities decoded, white space collapsed; as it is where nothing is to be cleaned.
pub(crate) fn clean_text(text: &str, cleaning: Cleaning) -> Cow<'_, str> {
    if cleaning == Cleaning::Off || is_plain(text) {
        return Cow::Borrowed(text);
    }
    let stripped = strip_tags(text);
    let plain = match cleaning {
        Cleaning::Html => html_escape::decode_html_entities(&stripped).into_owned(),
        _ => decode_entities(&stripped),
    };
    let plain = plain.replace('\0', " ");
    Cow::Owned(plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether nothing can be to clean: no tag, no entity, and no white space but single spaces between words.
fn is_plain(text: &str) -> bool {
    let mut before = b' ';
    for &byte in text.as_bytes() {
        let is_space_twice = byte == b' ' && before == b' ';
        // Other white space begins with one of the last four bytes.
        let is_other = matches!(byte, b'<' | b'&' | 0 | b'\t'..=b'\r' | 0xc2 | 0xe1 | 0xe2 | 0xe3);
        if is_space_twice || is_other {
            return false;
        }
        before = byte;
    }
    text.is_empty() || before != b' '
}

/// Whether a title is a piece of a web page rather than a name: an opened tag, or a page's script.
pub(crate) fn is_page_fragment(title: &str) -> bool {
    title.trim_start().starts_with("<span") || title.contains("getTime(")
}

/// Cuts a string that has more characters than `most`, and says whether it did.
pub(crate) fn cut(text: &mut String, most: Option<usize>) -> bool {
    let end = most.and_then(|most| text.char_indices().nth(most)).map(|(end, _)| end);
    if let Some(end) = end {
        text.truncate(end);
    }
    end.is_some()
}

/// Replaces every tag by a space. A `<` that opens no tag, or a tag that never ends, is text.
fn strip_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let after = &rest[start + 1..];
        let opens = after.starts_with(|next: char| next.is_ascii_alphabetic() || next == '/' || next == '!');
        match after.find('>').filter(|_| opens) {
            Some(end) => {
                plain.push_str(&rest[..start]);
                plain.push(' ');
                rest = &after[end + 1..];
            }
            None => {
                plain.push_str(&rest[..=start]);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Decodes numbered entities and the named ones that occur in shops; any other stays as it is.
fn decode_entities(text: &str) -> String {
    // The longest entity there is a name or number for, so that a lone `&` costs no long search.
    const LONGEST: usize = 10;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let end = after.bytes().take(LONGEST).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(after.get(..end)?)?, end))) {
            Some((decoded, end)) => {
                plain.push(decoded);
                rest = &after[end + 1..];
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
            None => number.parse(),
        };
        return code.ok().and_then(char::from_u32);
    }
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "reg" => '®',
        "trade" => '™',
        "copy" => '©',
        "deg" => '°',
        "eacute" => 'é',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bull" => '•',
        "hellip" => '…',
        "frac12" => '½',
        "frac14" => '¼',
        "frac34" => '¾',
        _ => return None,
    };
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Cow<'_, str> {
        clean_text(text, Cleaning::Basic)
    }

    #[test]
    fn tags_go_and_entities_are_decoded() {
        assert_eq!(
            basic("<b>Arts,</b> Music &amp; Photography<br/>\n &#39;x&#x27; &nbsp;"),
            "Arts, Music & Photography 'x'"
        );
        assert_eq!(basic("under 5 < 6 & 7 > 2 &unknown; R&B;"), "under 5 < 6 & 7 > 2 &unknown; R&B;");
        assert_eq!(basic("größer &é; &#99999999;"), "größer &é; &#99999999;");
        assert_eq!(basic("an <unclosed tag"), "an <unclosed tag");
    }

    #[test]
    fn lists_are_joined_and_other_values_are_nothing() {
        let of = |json: &str| clean(&serde_json::from_str::<Field<'_>>(json).unwrap(), Cleaning::Basic);
        assert_eq!(of(r#"["one", "", "<p>two</p>"]"#), "one two");
        assert_eq!(of("3"), "");
        assert_eq!(of("null"), "");
    }

    #[test]
    fn plain_text_is_what_cleaning_leaves_as_it_is() {
        for text in [
            "",
            " ",
            "a b",
            "a  b",
            " a",
            "a ",
            "a\tb",
            "a\0b",
            "a\u{a0}b",
            "a\u{2003}b",
            "a\u{1680}",
            "größer",
            "日本",
        ] {
            let slow = strip_tags(text).replace('\0', " ");
            let slow = slow.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(basic(text), slow, "{text:?}");
        }
    }

    #[test]
    fn cleaning_can_be_more_and_nothing() {
        assert_eq!(clean_text("<i>El Ni&ntilde;o</i>", Cleaning::Html), "El Niño");
        assert_eq!(basic("El Ni&ntilde;o"), "El Ni&ntilde;o");
        assert_eq!(clean_text(" <i> ", Cleaning::Off), " <i> ");
        let mut text = "größer".to_owned();
        assert!(cut(&mut text, Some(3)) && text == "grö" && !cut(&mut text, Some(3)));
    }

    #[test]
    fn titles_that_are_pieces_of_a_page_are_known() {
        assert!(is_page_fragment("<span class=\"a-size-medium a-color-secondary\""));
        assert!(is_page_fragment("var aPageStart = (new Date()).getTime();"));
        assert!(!is_page_fragment("Span of Time"));
    }
}
