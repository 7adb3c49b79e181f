//! Raw metadata of items.

use crate::clean::{clean, clean_text, is_page_fragment};
use crate::lines::JsonLines;
use crate::texts::Text;
use contract::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What was found in the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct MetadataCounts {
    /// Lines in the file.
    pub(crate) read: usize,
    /// Lines of an item that had a line before; they only fill what is still unknown.
    pub(crate) repeated: usize,
    /// Lines of items without interactions; they are left out.
    pub(crate) of_other_items: usize,
    /// Titles that are pieces of a web page; they are dropped.
    pub(crate) page_fragment_titles: usize,
    /// Lines whose `rank` is a string.
    pub(crate) rank_as_text: usize,
    /// Lines whose `rank` is a list.
    pub(crate) rank_as_list: usize,
    /// Lines with a line break in a key of `details`.
    pub(crate) line_breaks_in_details: usize,
    /// Lines whose `price` is a string that is not empty.
    pub(crate) price_as_text: usize,
}

#[derive(Deserialize)]
struct Metadata {
    asin: Option<Value>,
    title: Option<Value>,
    description: Option<Value>,
    brand: Option<Value>,
    category: Option<Value>,
    rank: Option<Value>,
    details: Option<Value>,
    price: Option<Value>,
}

/// The texts of the wanted items (`wanted[item]` is the identifier), in their order.
pub(crate) fn read_metadata(path: &Path, wanted: &[Option<&str>]) -> Result<(Vec<Text>, MetadataCounts)> {
    let indexes = wanted.iter().enumerate().filter_map(|(index, id)| Some(((*id)?, index)));
    let indexes: HashMap<&str, usize> = indexes.collect();
    let mut texts = vec![Text::default(); wanted.len()];
    let mut counts = MetadataCounts::default();
    let mut known = HashSet::new();
    let mut lines = JsonLines::open(path)?;
    while let Some(mut line) = lines.next::<Metadata>()? {
        let asin = lines.text("asin", line.asin.take())?;
        counts.count(&line);
        match indexes.get(asin.as_str()) {
            Some(&index) => texts[index].fill_from(line.into_text()),
            None => counts.of_other_items += 1,
        }
        counts.repeated += usize::from(!known.insert(asin));
    }
    Ok((texts, counts))
}

impl MetadataCounts {
    fn count(&mut self, line: &Metadata) {
        let break_in_keys = |details: &Map<String, Value>| details.keys().any(|key| key.contains('\n'));
        self.read += 1;
        self.page_fragment_titles +=
            usize::from(line.title.as_ref().and_then(Value::as_str).is_some_and(is_page_fragment));
        self.rank_as_text += usize::from(matches!(line.rank, Some(Value::String(_))));
        self.rank_as_list += usize::from(matches!(line.rank, Some(Value::Array(_))));
        let details = line.details.as_ref().and_then(Value::as_object);
        self.line_breaks_in_details += usize::from(details.is_some_and(break_in_keys));
        let price = line.price.as_ref().and_then(Value::as_str);
        self.price_as_text += usize::from(price.is_some_and(|price| !price.is_empty()));
    }
}

impl Metadata {
    fn into_text(self) -> Text {
        let title = match self.title.as_ref().and_then(Value::as_str) {
            Some(title) if is_page_fragment(title) => String::new(),
            _ => clean(self.title.as_ref()),
        };
        let brand = clean(self.brand.as_ref());
        Text {
            title,
            description: clean(self.description.as_ref()),
            // Brands read off the page carry its "by" before them.
            brand: brand.strip_prefix("by ").unwrap_or(&brand).to_owned(),
            categories: categories(self.category.as_ref()),
        }
    }
}

/// The categories up to the first that is a piece of a web page, joined by commas.
fn categories(value: Option<&Value>) -> String {
    let Some(Value::Array(entries)) = value else { return clean(value) };
    let entries: Vec<String> = entries
        .iter()
        .filter_map(Value::as_str)
        .take_while(|entry| !entry.contains("</span>"))
        .map(clean_text)
        .filter(|entry| !entry.is_empty())
        .collect();
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_stop_at_a_piece_of_a_page() {
        let entries = serde_json::json!(["Music", "Arts &amp; Crafts", "<span>x</span>", "Guitars"]);
        assert_eq!(categories(Some(&entries)), "Music,Arts & Crafts");
    }
}
