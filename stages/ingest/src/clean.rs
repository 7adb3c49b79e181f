//! Text as published, made plain.

use serde_json::Value;

/// The text of a value: a string itself, the strings of a list joined by spaces, anything else nothing. Then tags go,
/// entities are decoded, and runs of white space become one space.
pub(crate) fn clean(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => clean_text(text),
        Some(Value::Array(parts)) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            clean_text(&parts.join(" "))
        }
        _ => String::new(),
    }
}

/// The text without tags, entities decoded, white space collapsed.
pub(crate) fn clean_text(text: &str) -> String {
    let plain = decode_entities(&strip_tags(text));
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a title is a piece of a web page rather than a name: an opened tag, or a page's script.
pub(crate) fn is_page_fragment(title: &str) -> bool {
    title.trim_start().starts_with("<span") || title.contains("getTime(")
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
    use serde_json::json;

    #[test]
    fn tags_go_and_entities_are_decoded() {
        assert_eq!(
            clean_text("<b>Arts,</b> Music &amp; Photography<br/>\n &#39;x&#x27; &nbsp;"),
            "Arts, Music & Photography 'x'"
        );
        assert_eq!(clean_text("under 5 < 6 & 7 > 2 &unknown; R&B;"), "under 5 < 6 & 7 > 2 &unknown; R&B;");
        assert_eq!(clean_text("größer &é; &#99999999;"), "größer &é; &#99999999;");
        assert_eq!(clean_text("an <unclosed tag"), "an <unclosed tag");
    }

    #[test]
    fn lists_are_joined_and_other_values_are_nothing() {
        assert_eq!(clean(Some(&json!(["one", "", "<p>two</p>"]))), "one two");
        assert_eq!(clean(Some(&json!(3))), "");
        assert_eq!(clean(None), "");
    }

    #[test]
    fn titles_that_are_pieces_of_a_page_are_known() {
        assert!(is_page_fragment("<span class=\"a-size-medium a-color-secondary\""));
        assert!(is_page_fragment("var aPageStart = (new Date()).getTime();"));
        assert!(!is_page_fragment("Span of Time"));
    }
}
