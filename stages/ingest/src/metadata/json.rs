//! Metadata of the Amazon forms of 2018 and 2023, a JSON object a line.

use crate::clean::{clean, clean_text, is_page_fragment};
use crate::formats::{Field, parse_lines};
use crate::metadata::{Lined, MetadataCounts, Text, Wanted};
use crate::parameters::{Cleaning, Parameters};
use crate::source::{BadRow, Block};
use serde::Deserialize;
use serde_json::Value;

/// A line of either form: in 2023 `asin` became `parent_asin`, `brand` `store`, and `category` `categories`.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    asin: Field<'a>,
    #[serde(borrow, default)]
    parent_asin: Field<'a>,
    #[serde(borrow, default)]
    title: Field<'a>,
    #[serde(borrow, default)]
    description: Field<'a>,
    #[serde(borrow, default)]
    brand: Field<'a>,
    #[serde(borrow, default)]
    store: Field<'a>,
    #[serde(borrow, default)]
    category: Field<'a>,
    #[serde(borrow, default)]
    categories: Field<'a>,
    #[serde(borrow, default)]
    rank: Field<'a>,
    #[serde(borrow, default)]
    details: Field<'a>,
    #[serde(borrow, default)]
    price: Field<'a>,
}

/// Reads a block of lines.
pub(super) fn parse(block: &Block, wanted: Wanted<'_>, parameters: &Parameters) -> Lined {
    let mut lined = Lined::default();
    let mut bad = Vec::new();
    let expected = "expected one JSON object a line, as in the Amazon files";
    parse_lines(block, &mut bad, expected, |number, mut line: Line<'_>| {
        let (field, id) = match std::mem::take(&mut line.parent_asin) {
            Field::Absent => ("asin", std::mem::take(&mut line.asin)),
            parent => ("parent_asin", parent),
        };
        let id = id.id().map_err(|found| BadRow::missing(number, field, &found, "a string"))?;
        lined.counts.count(&line);
        lined.add(&id, wanted, parameters, || line.text(parameters.cleaning));
        Ok(())
    });
    lined.bad = bad;
    lined
}

impl MetadataCounts {
    fn count(&mut self, line: &Line<'_>) {
        self.page_fragment_titles += usize::from(line.title.text().is_some_and(is_page_fragment));
        self.rank_as_text += usize::from(matches!(line.rank, Field::Text(_)));
        self.rank_as_list += usize::from(matches!(line.rank, Field::List(_)));
        let has_break = matches!(&line.details, Field::Other(Value::Object(details))
            if details.keys().any(|key| key.contains('\n')));
        self.line_breaks_in_details += usize::from(has_break);
        self.price_as_text += usize::from(line.price.text().is_some_and(|price| !price.is_empty()));
    }
}

impl Line<'_> {
    fn text(&self, cleaning: Cleaning) -> Text {
        let title = match self.title.text() {
            Some(title) if is_page_fragment(title) => String::new(),
            _ => clean(&self.title, cleaning),
        };
        let brand = clean(if self.brand.is_absent() { &self.store } else { &self.brand }, cleaning);
        let category = if self.category.is_absent() { &self.categories } else { &self.category };
        Text {
            title,
            description: clean(&self.description, cleaning),
            // Brands read off the page carry its "by" before them.
            brand: brand.strip_prefix("by ").unwrap_or(&brand).to_owned(),
            categories: categories(category, cleaning),
        }
    }
}

/// The categories up to the first that is a piece of a web page, joined by commas.
fn categories(field: &Field<'_>, cleaning: Cleaning) -> String {
    if !matches!(field, Field::List(_)) {
        return clean(field, cleaning);
    }
    let entries: Vec<String> = field
        .strings()
        .take_while(|entry| !entry.contains("</span>"))
        .map(|entry| clean_text(entry, cleaning).into_owned())
        .filter(|entry| !entry.is_empty())
        .collect();
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_stop_at_a_piece_of_a_page() {
        let entries = r#"["Music", "Arts &amp; Crafts", "<span>x</span>", "Guitars"]"#;
        assert_eq!(categories(&serde_json::from_str(entries).unwrap(), Cleaning::Basic), "Music,Arts & Crafts");
    }
}
