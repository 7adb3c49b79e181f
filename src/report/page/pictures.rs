//! SVG pictures within the page. Each is an image with an alternative text, so that the styles of one do not reach another.

use maud::{Markup, html};

/// The bytes of all pictures together, so that the page stays below two million.
const MOST: usize = 1_300_000;

/// The pictures so far.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    bytes: usize,
}

impl Pictures {
    /// A picture with its text, which is also its caption; a sentence in its place where the page has too many.
    pub(super) fn add(&mut self, svg: &str, text: &str) -> Markup {
        let address = address(svg);
        self.bytes += address.len();
        let fits = self.bytes <= MOST;
        html! {
            figure {
                @if fits {
                    div.picture tabindex="0" role="group" aria-label=(text) { img src=(address) alt=(text); }
                } @else {
                    p.note { "This picture is left out to keep the page small." }
                }
                figcaption { (text) }
            }
        }
    }
}

/// A picture as an address that holds it whole.
fn address(svg: &str) -> String {
    let mut address = "data:image/svg+xml,".to_owned();
    for byte in svg.bytes() {
        match byte {
            b'\n' => address.push(' '),
            b'%'
            | b'#'
            | b'<'
            | b'>'
            | b'"'
            | b'\''
            | b'&'
            | b'\\'
            | b'^'
            | b'`'
            | b'{'
            | b'}'
            | b'|'
            | 0..=31
            | 127..=255 => {
                address += &format!("%{byte:02X}");
            }
            other => address.push(char::from(other)),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_within_the_page_and_has_a_text() {
        let text = Pictures::default().add("<svg id=\"é#\">\n</svg>", "A \"loss\"").into_string();
        assert!(text.contains("src=\"data:image/svg+xml,%3Csvg id=%22%C3%A9%23%22%3E %3C/svg%3E\""), "{text}");
        assert!(text.contains("alt=\"A &quot;loss&quot;\""), "{text}");
    }

    #[test]
    fn pictures_beyond_the_limit_are_left_out() {
        let mut pictures = Pictures::default();
        let large = "x".repeat(MOST);
        assert!(!pictures.add(&large, "large").into_string().contains("<img"));
        assert!(pictures.add(&large, "another").into_string().contains("left out"));
    }
}
