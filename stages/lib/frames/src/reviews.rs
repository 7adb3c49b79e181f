//! What users wrote about items.

use crate::parquet::{Table, column, write};
use contract::Result;
use std::path::Path;

pub(crate) const TABLE: &str = "reviews.parquet";

/// Reviews, one row each, sorted by user and the position of the item in the user's sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviews {
    /// `[n]` who wrote it.
    pub user: Vec<u32>,
    /// `[n]` about what.
    pub item: Vec<u32>,
    /// `[n]` the summary and the text, cleaned.
    pub text: Vec<String>,
}

impl Reviews {
    /// Reads `reviews.parquet` of a folder.
    ///
    /// # Errors
    /// When the file is missing or damaged, or a column is missing or of another type.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        Ok(Self { user: table.u32("user")?, item: table.u32("item")?, text: table.text("text")? })
    }

    /// Writes `reviews.parquet` to a folder.
    ///
    /// # Errors
    /// When the file cannot be written or the columns differ in length.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let columns = vec![
            column("user", self.user.as_slice()),
            column("item", self.item.as_slice()),
            column("text", self.text.as_slice()),
        ];
        write(folder, TABLE, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_rows_is_a_table() {
        let folder = tempfile::tempdir().unwrap();
        Reviews::default().write(folder.path()).unwrap();
        assert_eq!(Reviews::read(folder.path()).unwrap(), Reviews::default());
    }
}
