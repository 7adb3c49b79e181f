//! Metadata as tables: RecBole's `.item`, MovieLens' `movies.csv`, `movies.dat` and `u.item`, and any CSV with a header.

use crate::clean::clean_text;
use crate::formats::Records;
use crate::metadata::{Lined, Text, Wanted};
use crate::parameters::Parameters;
use crate::source::{BadRow, Block, Lines};
use contract::{Failure, FailureKind, Result};
use std::path::Path;

/// How a table of items is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    delimiter: u8,
    is_quoted: bool,
    has_header: bool,
    /// Whether bytes beyond ASCII are letters of Latin-1, as in MovieLens' older files.
    is_latin_1: bool,
    item: usize,
    title: Option<usize>,
    description: Option<usize>,
    brand: Option<usize>,
    categories: Option<usize>,
}

/// Usual names, in small letters without `_`, `-` and spaces; the first that occurs counts.
const ITEM: &[&str] = &[
    "item",
    "itemid",
    "parentasin",
    "asin",
    "product",
    "productid",
    "sku",
    "movie",
    "movieid",
    "book",
    "bookid",
    "isbn",
    "track",
    "trackid",
    "artist",
    "artistid",
    "businessid",
    "gameid",
    "articleid",
    "id",
];
const TITLE: &[&str] = &["title", "name", "itemname", "productname", "movietitle", "productdisplayname"];
const DESCRIPTION: &[&str] = &["description", "summary", "overview", "plot"];
const BRAND: &[&str] = &["brand", "store", "maker", "manufacturer", "author", "publisher"];
const CATEGORIES: &[&str] = &["categories", "category", "genres", "genre", "class", "tags"];

/// The layout of a table of items; `None` for JSON lines.
pub(super) fn layout(path: &Path, head: &[u8]) -> Result<Option<Layout>> {
    let head = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head);
    let text = String::from_utf8_lossy(head);
    let first = text.trim_start().lines().next().unwrap_or_default();
    if first.starts_with('{') || first.is_empty() {
        return Ok(None);
    }
    let fixed = |delimiter, item, title, categories| Layout {
        delimiter,
        is_quoted: false,
        has_header: false,
        is_latin_1: true,
        item,
        title: Some(title),
        description: None,
        brand: None,
        categories,
    };
    let begins_with_number = first.starts_with(|letter: char| letter.is_ascii_digit());
    if begins_with_number && first.contains("::") {
        return Ok(Some(fixed(DOUBLE_COLON, 0, 1, Some(2))));
    }
    if begins_with_number && first.matches('|').count() >= 20 {
        return Ok(Some(fixed(b'|', 0, 1, None)));
    }
    let is_recbole = first.contains(":token");
    let count = |delimiter: u8| first.bytes().filter(|&byte| byte == delimiter).count();
    let delimiter =
        [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    let mut records = Records::new(first.as_bytes(), delimiter, true, 1);
    let header: Vec<String> =
        records.next().map(|record| record.texts()).unwrap_or_default().iter().map(|name| normal(name)).collect();
    let find = |usual: &[&str]| usual.iter().find_map(|usual| header.iter().position(|name| name == usual));
    let Some(item) = find(ITEM) else {
        let message = format!("{}: no column is known as the item; it begins with: {first}", path.display());
        return Err(Failure::new(FailureKind::MissingField, message)
            .hint("expected JSON lines, or a table whose header has item, title, description, brand or categories"));
    };
    let other = |usual| find(usual).filter(|&place| place != item);
    Ok(Some(Layout {
        delimiter,
        is_quoted: !is_recbole,
        has_header: true,
        is_latin_1: false,
        item,
        title: other(TITLE),
        description: other(DESCRIPTION),
        brand: other(BRAND),
        categories: other(CATEGORIES),
    }))
}

/// What stands for `::` between fields: a byte that no text has.
const DOUBLE_COLON: u8 = 0;

fn normal(name: &str) -> String {
    let name = name.split(':').next().unwrap_or_default();
    name.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

impl Layout {
    /// What ends a line.
    pub(super) fn lines(&self) -> Lines {
        if self.is_quoted { Lines::Quoted } else { Lines::Plain }
    }

    /// Reads a block of lines.
    pub(super) fn parse(&self, block: &Block, wanted: Wanted<'_>, parameters: &Parameters) -> Lined {
        let mut lined = Lined { bad: block.too_long.clone(), ..Lined::default() };
        let bytes = if self.delimiter == DOUBLE_COLON { with_one_byte(&block.bytes) } else { block.bytes.clone() };
        let mut records = Records::new(&bytes, self.delimiter, self.is_quoted, block.first_line);
        if self.has_header && block.is_first() {
            records.next();
        }
        while let Some(record) = records.next() {
            let line = record.line;
            let field = |place: Option<usize>| self.text(place.map(|place| record.get(place)).unwrap_or_default());
            let id = field(Some(self.item)).trim().to_owned();
            if id.is_empty() {
                lined.bad.push(BadRow::missing(line, "item", "nothing", "an identifier"));
                continue;
            }
            let clean = |place| clean_text(&field(place), parameters.cleaning).into_owned();
            lined.add(&id, wanted, parameters, || Text {
                title: clean(self.title),
                description: clean(self.description),
                brand: clean(self.brand),
                // Genres of MovieLens have bars between them.
                categories: clean(self.categories).replace('|', ","),
            });
        }
        lined
    }

    fn text(&self, bytes: &[u8]) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) if self.is_latin_1 => bytes.iter().map(|&byte| char::from(byte)).collect(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// The same lines with one byte for each `::`.
fn with_one_byte(bytes: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        if rest.starts_with(b"::") {
            replaced.push(DOUBLE_COLON);
            rest = &rest[2..];
        } else {
            replaced.push(first);
            rest = after;
        }
    }
    replaced
}
