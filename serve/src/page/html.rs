//! Text of a page, in which everything that is not markup of ours is escaped.

use std::fmt::Write as _;

/// The style and the script of the page.
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A page that grows.
#[derive(Debug)]
pub(super) struct Html(String);

impl Html {
    /// The beginning of a page.
    pub(super) fn page(title: &str) -> Self {
        let mut html = Self("<!doctype html><html lang=en><meta charset=utf-8>".to_owned());
        html.open("<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>");
        html.text(title);
        html.open("</title><style>");
        html.open(STYLE);
        html.open("</style><main><h1><a href=\"/\">");
        html.text(title);
        html.open("</a></h1>");
        html
    }

    /// Adds markup.
    pub(super) fn open(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Adds text.
    pub(super) fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    /// Adds a link to a view of this page.
    pub(super) fn link(&mut self, fields: &[(&str, &str)], class: &str, text: &str) {
        self.open("<a class=\"");
        self.text(class);
        self.open("\" href=\"/?");
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", in_query(value))).collect();
        self.text(&query.join("&"));
        self.open("\">");
        self.text(text);
        self.open("</a>");
    }

    /// The whole page.
    pub(super) fn finish(mut self) -> String {
        self.open("</main><script>");
        self.open(SCRIPT);
        self.open("</script></html>");
        self.0
    }
}

/// A value behind a question mark.
fn in_query(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_identifiers_cannot_become_markup() {
        let mut html = Html(String::new());
        html.text("<script>alert('x')</script> & \"y\"");
        html.link(&[("item", "a\"b<c&d é"), ("q", "")], "add", "<b>");
        assert!(!html.0.contains("<script") && !html.0.contains("<b>"), "{}", html.0);
        assert!(html.0.contains("href=\"/?item=a%22b%3Cc%26d%20%C3%A9\""), "{}", html.0);
    }
}
