//! What is known of each item.

use crate::parquet::{Table, column, write_rows};
use contract::{Failure, Result};
use polars::prelude::Column;
use std::path::Path;

const TABLE: &str = "items.parquet";

/// The texts of all items; the index is the item, and an unknown text is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// `[items]` the original identifier.
    pub id: Vec<String>,
    /// `[items]` the title.
    pub title: Vec<String>,
    /// `[items]` the description.
    pub description: Vec<String>,
    /// `[items]` the brand.
    pub brand: Vec<String>,
    /// `[items]` the categories from wide to narrow, joined by commas.
    pub categories: Vec<String>,
}

/// What is known of an item; an unknown text is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemRow<'a> {
    /// The original identifier.
    pub id: &'a str,
    /// The title.
    pub title: &'a str,
    /// The description.
    pub description: &'a str,
    /// The brand.
    pub brand: &'a str,
    /// The categories from wide to narrow, joined by commas.
    pub categories: &'a str,
}

impl Items {
    /// Reads `items.parquet` of a folder.
    ///
    /// # Errors
    /// When the file is missing or damaged, a column is missing or of another type, or items are not numbered in order.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        check_numbering(&table, "item")?;
        Ok(Self {
            id: table.text("id")?,
            title: table.text("title")?,
            description: table.text("description")?,
            brand: table.text("brand")?,
            categories: table.text("categories")?,
        })
    }

    /// Writes `items.parquet` to a folder.
    ///
    /// # Errors
    /// When the file cannot be written or the columns differ in length.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let texts = [&self.title, &self.description, &self.brand, &self.categories];
        if texts.iter().any(|texts| texts.len() != self.id.len()) {
            return Err(Failure::writing(&folder.join(TABLE), "the columns differ in length"));
        }
        let row = |item: usize| ItemRow {
            id: &self.id[item],
            title: &self.title[item],
            description: &self.description[item],
            brand: &self.brand[item],
            categories: &self.categories[item],
        };
        Self::write_each(folder, (0..self.id.len()).map(row))
    }

    /// Writes `items.parquet` with these rows, of which only some are copied at a time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_each<'a>(folder: &Path, rows: impl IntoIterator<Item = ItemRow<'a>>) -> Result<()> {
        write_rows(folder, TABLE, rows, columns)
    }
}

fn columns<'a>(first: u32, rows: &[ItemRow<'a>]) -> Vec<Column> {
    let text = |name: &str, of: fn(&ItemRow<'a>) -> &'a str| column(name, rows.iter().map(of).collect::<Vec<&str>>());
    vec![
        column("item", (first..).take(rows.len()).collect::<Vec<u32>>()),
        text("id", |row| row.id),
        text("title", |row| row.title),
        text("description", |row| row.description),
        text("brand", |row| row.brand),
        text("categories", |row| row.categories),
    ]
}

/// Checks that the column `name` is 0, 1, 2, ..., so that a row's index is its number.
pub(crate) fn check_numbering(table: &Table, name: &str) -> Result<()> {
    for (row, number) in table.u32(name)?.into_iter().enumerate() {
        if number as usize != row {
            return Err(table.bad_row(row, &format!("{name} is {number}, expected {row}: one row each, in order")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet::write;

    #[test]
    fn texts_of_any_kind_survive() {
        let folder = tempfile::tempdir().unwrap();
        let of = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let items = Items {
            id: of(&["B01", "B02"]),
            title: of(&["", "Gitarre \"Größe 4/4\"\n"]),
            description: of(&["x", ""]),
            brand: of(&["", ""]),
            categories: of(&["Music,Guitars", ""]),
        };
        items.write(folder.path()).unwrap();
        assert_eq!(Items::read(folder.path()).unwrap(), items);
    }

    #[test]
    fn items_out_of_order_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), TABLE, vec![column("item", vec![1_u32, 0])]).unwrap();
        let failure = Items::read(folder.path()).unwrap_err();
        assert!(failure.message.contains("row 0: item is 1, expected 0"), "{failure}");
    }
}
