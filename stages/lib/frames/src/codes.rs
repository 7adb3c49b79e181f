//! The semantic codes of the items (paper Eq. 1 and 2).

use crate::items::check_numbering;
use crate::parquet::{Table, column, write};
use contract::Result;
use std::path::Path;

const TABLE: &str = "codes.parquet";

/// The codes of all items: `levels[level][item]`, levels from coarse to fine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// `[levels][items]`.
    pub levels: Vec<Vec<u32>>,
}

impl Codes {
    /// The codes of one item, from the first level to the last.
    #[must_use]
    pub fn of(&self, item: usize) -> Vec<u32> {
        self.levels.iter().map(|level| level[item]).collect()
    }

    /// Adds items with these codes, one for each level, behind the others.
    pub fn extend(&mut self, items: &[Vec<u32>]) {
        for codes in items {
            self.levels.iter_mut().zip(codes).for_each(|(level, code)| level.push(*code));
        }
    }

    /// The number of items.
    #[must_use]
    pub fn items(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Reads `codes.parquet` of a folder: the columns `item`, `level_1`, `level_2`, ...
    ///
    /// # Errors
    /// When the file is missing or damaged, has no level, a column is of another type, or items are not in order.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        check_numbering(&table, "item")?;
        let names = table.column_names();
        let levels = (1..)
            .map(level_name)
            .take_while(|name| names.contains(name))
            .map(|name| table.u32(&name))
            .collect::<Result<Vec<_>>>()?;
        if levels.is_empty() {
            return Err(table.missing(&format!("no column 'level_1'; found the columns: {}", names.join(", "))));
        }
        Ok(Self { levels })
    }

    /// Writes `codes.parquet` to a folder.
    ///
    /// # Errors
    /// When the file cannot be written or the levels differ in length.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let item: Vec<u32> = (0..).take(self.items()).collect();
        let mut columns = vec![column("item", item)];
        columns.extend((1..).zip(&self.levels).map(|(number, level)| column(&level_name(number), level.as_slice())));
        write(folder, TABLE, columns)
    }
}

fn level_name(number: usize) -> String {
    format!("level_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_by_level_and_by_item() {
        let folder = tempfile::tempdir().unwrap();
        let codes = Codes { levels: vec![vec![7, 8, 9], vec![0, 0, 255]] };
        codes.write(folder.path()).unwrap();
        let read = Codes::read(folder.path()).unwrap();
        assert_eq!(read, codes);
        assert_eq!((read.items(), read.of(2)), (3, vec![9, 255]));
    }

    #[test]
    fn a_table_without_levels_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Codes::default().write(folder.path()).unwrap();
        assert!(Codes::read(folder.path()).unwrap_err().message.contains("no column 'level_1'"));
    }
}
