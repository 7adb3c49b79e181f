//! Who the users are.

use crate::items::check_numbering;
use crate::parquet::{Table, column, write};
use contract::Result;
use std::path::Path;

const TABLE: &str = "users.parquet";

/// All users; the index is the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// `[users]` the original identifier.
    pub id: Vec<String>,
}

impl Users {
    /// Reads `users.parquet` of a folder.
    ///
    /// # Errors
    /// When the file is missing or damaged, a column is missing or of another type, or users are not numbered in order.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        check_numbering(&table, "user")?;
        Ok(Self { id: table.text("id")? })
    }

    /// Writes `users.parquet` to a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let user: Vec<u32> = (0..).take(self.id.len()).collect();
        write(folder, TABLE, vec![column("user", user), column("id", self.id.as_slice())])
    }
}
