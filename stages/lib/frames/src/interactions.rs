//! Who interacted with what, in which order, and what is held out.

use crate::json::{read_json, write_json};
use crate::parquet::{Table, column, write};
use contract::{Failure, FailureKind, Result};
use polars::prelude::Column;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub(crate) const TABLE: &str = "interactions.parquet";
pub(crate) const DATASET: &str = "dataset.json";

/// What an interaction is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// To learn from.
    Train,
    /// To make choices on.
    Validation,
    /// To be measured on, once.
    Test,
}

impl Split {
    /// Its name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Train, Self::Validation, Self::Test].into_iter().find(|split| split.as_str() == word)
    }
}

/// The size of a set of interactions and how it was split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// The number of users; they are numbered from 0.
    pub users: usize,
    /// The number of items; they are numbered from 0.
    pub items: usize,
    /// The number of interactions.
    pub interactions: usize,
    /// How many of the latest interactions a model may look at.
    pub max_history: usize,
    /// What was held out: `last` or `last-two`.
    pub holdout: String,
    /// The digest of (original user, original item, split) over all rows, in hexadecimal.
    pub split_digest: String,
}

/// All interactions, one row each, sorted by user and position; whole sequences, never truncated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interactions {
    /// Size and split.
    pub dataset: Dataset,
    /// `[n]` the user, `0..users`.
    pub user: Vec<u32>,
    /// `[n]` the item, `0..items`.
    pub item: Vec<u32>,
    /// `[n]` the place in the user's sequence, from 0.
    pub position: Vec<u32>,
    /// `[n]` seconds since 1970, or the position where no time is known.
    pub time: Vec<i64>,
    /// `[n]` what the row is used for.
    pub split: Vec<Split>,
}

impl Interactions {
    /// Reads `interactions.parquet` and `dataset.json` of a folder.
    ///
    /// # Errors
    /// When a file is missing or damaged, a column is missing or of another type, rows are out of order, or a number
    /// lies outside the dataset's.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        let interactions = Self {
            dataset: read_json(&folder.join(DATASET))?,
            user: table.u32("user")?,
            item: table.u32("item")?,
            position: table.u32("position")?,
            time: table.i64("time")?,
            split: table.enumeration("split", Split::parse, "train, validation or test")?,
        };
        interactions.check(&table, folder)?;
        Ok(interactions)
    }

    /// Writes `interactions.parquet` and `dataset.json` to a folder.
    ///
    /// # Errors
    /// When a file cannot be written or the columns differ in length.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let split: Vec<&str> = self.split.iter().map(|split| split.as_str()).collect();
        let columns = columns(&self.user, &self.item, &self.position, &self.time, split);
        write(folder, TABLE, columns)?;
        write_json(folder, DATASET, &self.dataset)
    }

    /// Per user (index = user) the items in order, of the rows in these splits.
    #[must_use]
    pub fn sequences(&self, splits: &[Split]) -> Vec<Vec<u32>> {
        let mut sequences = vec![Vec::new(); self.dataset.users];
        for ((&user, &item), split) in self.user.iter().zip(&self.item).zip(&self.split) {
            if splits.contains(split) {
                sequences[user as usize].push(item);
            }
        }
        sequences
    }

    /// Per user (index = user) the test item, where there is one.
    #[must_use]
    pub fn targets(&self) -> Vec<Option<u32>> {
        self.sequences(&[Split::Test]).into_iter().map(|items| items.last().copied()).collect()
    }

    /// Per user (index = user) all items before the test item: the whole history at the time of the test.
    #[must_use]
    pub fn before_test(&self) -> Vec<Vec<u32>> {
        self.sequences(&[Split::Train, Split::Validation])
    }

    /// Per item (index = item) the number of its training rows.
    #[must_use]
    pub fn training_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.dataset.items];
        let rows = self.item.iter().zip(&self.split).filter(|(_, split)| **split == Split::Train);
        rows.for_each(|(&item, _)| counts[item as usize] += 1);
        counts
    }

    /// Whether each item (index = item) has a training row; one without is new to whatever is trained on these.
    #[must_use]
    pub fn is_trained(&self) -> Vec<bool> {
        self.training_counts().into_iter().map(|count| count > 0).collect()
    }

    fn check(&self, table: &Table, folder: &Path) -> Result<()> {
        let dataset = &self.dataset;
        if table.height() != dataset.interactions {
            let (found, expected) = (table.height(), dataset.interactions);
            let message = format!("{}: {TABLE} has {found} rows, {DATASET} says {expected}", folder.display());
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        for (row, (&user, &item)) in self.user.iter().zip(&self.item).enumerate() {
            if user as usize >= dataset.users {
                return Err(table.bad_row(row, &format!("user is {user}, expected below {}", dataset.users)));
            }
            if item as usize >= dataset.items {
                return Err(table.bad_row(row, &format!("item is {item}, expected below {}", dataset.items)));
            }
            let key = (user, self.position[row]);
            if row > 0 && key <= (self.user[row - 1], self.position[row - 1]) {
                return Err(table.bad_row(row, "rows are not in the order of user and position"));
            }
        }
        Ok(())
    }
}

/// The columns of the table.
pub(crate) fn columns(user: &[u32], item: &[u32], position: &[u32], time: &[i64], split: Vec<&str>) -> Vec<Column> {
    vec![
        column("user", user),
        column("item", item),
        column("position", position),
        column("time", time),
        column("split", split),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn three_users() -> Interactions {
        use Split::{Test, Train, Validation};
        Interactions {
            dataset: Dataset {
                users: 3,
                items: 4,
                interactions: 7,
                max_history: 20,
                holdout: "last-two".into(),
                split_digest: "0".into(),
            },
            user: vec![0, 0, 0, 1, 1, 1, 1],
            item: vec![3, 1, 2, 0, 1, 2, 3],
            position: vec![0, 1, 2, 0, 1, 2, 3],
            time: vec![5, 6, 7, 1, 1, 1, 9],
            split: vec![Train, Validation, Test, Train, Train, Validation, Test],
        }
    }

    #[test]
    fn a_folder_holds_what_was_written_in_the_same_bytes() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        three_users().write(first.path()).unwrap();
        three_users().write(second.path()).unwrap();
        assert_eq!(Interactions::read(first.path()).unwrap(), three_users());
        for name in [TABLE, DATASET] {
            let bytes = |folder: &Path| fs_err::read(folder.join(name)).unwrap();
            assert_eq!(bytes(first.path()), bytes(second.path()));
        }
    }

    #[test]
    fn histories_end_before_the_test_item() {
        let interactions = three_users();
        assert_eq!(interactions.targets(), vec![Some(2), Some(3), None]);
        assert_eq!(interactions.before_test(), vec![vec![3, 1], vec![0, 1, 2], vec![]]);
        assert_eq!(interactions.sequences(&[Split::Train]), vec![vec![3], vec![0, 1], vec![]]);
        assert_eq!(interactions.training_counts(), [1, 1, 0, 1]);
        assert_eq!(interactions.is_trained(), [true, true, false, true]);
    }

    #[test]
    fn a_missing_or_different_column_is_named() {
        let folder = tempfile::tempdir().unwrap();
        three_users().write(folder.path()).unwrap();
        write(folder.path(), TABLE, vec![column("user", vec![0_i64; 7])]).unwrap();
        let failure = Interactions::read(folder.path()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::MissingField);
        assert!(failure.message.contains("column 'user' is of type i64, expected u32"), "{failure}");

        write(folder.path(), TABLE, vec![column("user", vec![0_u32; 7])]).unwrap();
        let failure = Interactions::read(folder.path()).unwrap_err();
        assert!(failure.message.contains("no column 'item' of type u32; found the columns: user"), "{failure}");
    }

    #[test]
    fn numbers_outside_the_dataset_and_disorder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut outside = three_users();
        outside.item[2] = 4;
        outside.write(folder.path()).unwrap();
        let failure = Interactions::read(folder.path()).unwrap_err();
        assert!(failure.message.ends_with("row 2: item is 4, expected below 4"), "{failure}");

        let mut disorder = three_users();
        disorder.position.swap(0, 1);
        disorder.write(folder.path()).unwrap();
        assert_eq!(Interactions::read(folder.path()).unwrap_err().kind, FailureKind::MalformedRow);
    }

    #[test]
    fn a_truncated_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        three_users().write(folder.path()).unwrap();
        let path = folder.path().join(TABLE);
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(Interactions::read(folder.path()).unwrap_err().kind, FailureKind::DamagedFile);
    }
}
