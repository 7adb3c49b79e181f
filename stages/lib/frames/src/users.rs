//! Who the users are.

use crate::items::check_numbering;
use crate::parquet::{Table, column, write_rows};
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
        Self::write_each(folder, self.id.iter().map(String::as_str))
    }

    /// Writes `users.parquet` with these identifiers, of which only some are in memory at a time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_each<'a>(folder: &Path, ids: impl IntoIterator<Item = &'a str>) -> Result<()> {
        write_rows(folder, TABLE, ids, |first, ids| {
            vec![column("user", (first..).take(ids.len()).collect::<Vec<u32>>()), column("id", ids)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet::ROWS_PER_GROUP;

    #[test]
    fn more_users_than_a_row_group_come_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for users in [0, 1, ROWS_PER_GROUP, ROWS_PER_GROUP + 1] {
            let all = Users { id: (0..users).map(|user| format!("u{}", user % 1_000)).collect() };
            all.write(folder.path()).unwrap();
            assert_eq!(Users::read(folder.path()).unwrap(), all);
        }
    }
}
