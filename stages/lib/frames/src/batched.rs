//! Interactions and reviews written some rows at a time, for sets that do not fit into memory as columns.

use crate::interactions::{self, Dataset, Split};
use crate::json::write_json;
use crate::parquet::{Groups, ROWS_PER_GROUP, column};
use crate::reviews;
use contract::{Failure, FailureKind, Result};
use polars::prelude::Column;
use std::path::{Path, PathBuf};

/// Some rows of [`Interactions`](crate::Interactions), in columns of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InteractionRows {
    /// `[n]` the user.
    pub user: Vec<u32>,
    /// `[n]` the item.
    pub item: Vec<u32>,
    /// `[n]` the place in the user's sequence, from 0.
    pub position: Vec<u32>,
    /// `[n]` seconds since 1970, or the position where no time is known.
    pub time: Vec<i64>,
    /// `[n]` what the row is used for.
    pub split: Vec<Split>,
}

/// Some rows of [`Reviews`](crate::Reviews), in columns of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewRows {
    /// `[n]` who wrote it.
    pub user: Vec<u32>,
    /// `[n]` about what.
    pub item: Vec<u32>,
    /// All texts, one after the other.
    pub texts: String,
    /// `[n]` where each text ends.
    pub ends: Vec<usize>,
}

/// Writes the table and the description of a set of interactions.
#[derive(Debug)]
pub struct InteractionsWriter {
    groups: Groups,
    folder: PathBuf,
    rows: usize,
}

/// Writes the table of reviews.
#[derive(Debug)]
pub struct ReviewsWriter {
    groups: Groups,
}

impl InteractionRows {
    /// How many rows should be written at once: as many as a row group of the file has.
    pub const FULL: usize = ROWS_PER_GROUP;

    /// Whether there are as many rows as should be written at once.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.user.len() >= Self::FULL
    }

    fn columns(&self) -> Vec<Column> {
        let split: Vec<&str> = self.split.iter().map(|split| split.as_str()).collect();
        interactions::columns(&self.user, &self.item, &self.position, &self.time, split)
    }
}

impl ReviewRows {
    /// Adds a review.
    pub fn push(&mut self, user: u32, item: u32, text: &str) {
        self.user.push(user);
        self.item.push(item);
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
    }

    /// Whether there are as many rows as should be written at once.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.user.len() >= ROWS_PER_GROUP
    }

    fn columns(&self) -> Vec<Column> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let texts: Vec<&str> = starts.zip(&self.ends).map(|(start, &end)| &self.texts[start..end]).collect();
        vec![column("user", self.user.as_slice()), column("item", self.item.as_slice()), column("text", texts)]
    }
}

impl InteractionsWriter {
    /// Begins `interactions.parquet` in a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let groups = Groups::create(folder, interactions::TABLE, InteractionRows::default().columns())?;
        Ok(Self { groups, folder: folder.to_owned(), rows: 0 })
    }

    /// Writes rows, which go on where the last ones ended: by user and position.
    ///
    /// # Errors
    /// When the file cannot be written or the columns differ in length.
    pub fn add(&mut self, rows: &InteractionRows) -> Result<()> {
        self.rows += rows.user.len();
        self.groups.add(rows.columns())
    }

    /// Ends the table and writes `dataset.json`.
    ///
    /// # Errors
    /// When a file cannot be written, or the rows are not as many as the dataset says.
    pub fn finish(self, dataset: &Dataset) -> Result<()> {
        if self.rows != dataset.interactions {
            let message = format!("wrote {} rows of a dataset of {}", self.rows, dataset.interactions);
            return Err(Failure::new(FailureKind::Stage, message));
        }
        self.groups.finish()?;
        write_json(&self.folder, interactions::DATASET, dataset)
    }
}

impl ReviewsWriter {
    /// Begins `reviews.parquet` in a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(folder: &Path) -> Result<Self> {
        Ok(Self { groups: Groups::create(folder, reviews::TABLE, ReviewRows::default().columns())? })
    }

    /// Writes rows, which go on where the last ones ended.
    ///
    /// # Errors
    /// When the file cannot be written or the columns differ in length.
    pub fn add(&mut self, rows: &ReviewRows) -> Result<()> {
        self.groups.add(rows.columns())
    }

    /// Ends the table.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<()> {
        self.groups.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Interactions, Reviews};

    #[test]
    fn rows_written_at_once_and_one_by_one_are_equal() {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let interactions = interactions::tests::three_users();
        interactions.write(whole.path()).unwrap();
        let rows = InteractionRows {
            user: interactions.user.clone(),
            item: interactions.item.clone(),
            position: interactions.position.clone(),
            time: interactions.time.clone(),
            split: interactions.split.clone(),
        };
        let mut writer = InteractionsWriter::create(parts.path()).unwrap();
        writer.add(&rows).unwrap();
        writer.finish(&interactions.dataset).unwrap();

        let texts = ["one", "", "größer"];
        let reviews = Reviews { user: vec![0, 1, 1], item: vec![3, 0, 1], text: texts.map(str::to_owned).to_vec() };
        reviews.write(whole.path()).unwrap();
        let mut rows = ReviewRows::default();
        (0..3).for_each(|row| rows.push(reviews.user[row], reviews.item[row], texts[row]));
        let mut writer = ReviewsWriter::create(parts.path()).unwrap();
        writer.add(&rows).unwrap();
        writer.finish().unwrap();

        for name in ["interactions.parquet", "dataset.json", "reviews.parquet"] {
            let bytes = |folder: &tempfile::TempDir| fs_err::read(folder.path().join(name)).unwrap();
            assert_eq!(bytes(&whole), bytes(&parts), "{name}");
        }
        assert_eq!(Interactions::read(parts.path()).unwrap(), interactions);
    }
}
