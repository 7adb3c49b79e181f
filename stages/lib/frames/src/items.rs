//! What is known of each item.

use crate::parquet::{Table, column, write};
use contract::Result;
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
        let item: Vec<u32> = (0..).take(self.id.len()).collect();
        let columns = vec![
            column("item", item),
            column("id", self.id.as_slice()),
            column("title", self.title.as_slice()),
            column("description", self.description.as_slice()),
            column("brand", self.brand.as_slice()),
            column("categories", self.categories.as_slice()),
        ];
        write(folder, TABLE, columns)
    }
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
