//! A table with identifiers beside numbers, for `pipe export table`.

use super::{PeekOutput, Question};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Writes the table of an output, with the identifiers of users and items, to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteTable {
    /// The output whose table is written.
    pub table: PeekOutput,
    /// The artifacts with the identifiers behind numbers, as [`super::Peek`] has them.
    pub names: BTreeMap<String, PathBuf>,
    /// The file to write, which does not exist yet.
    pub output: PathBuf,
    /// Its form.
    pub form: TableForm,
}

/// The form of a file with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableForm {
    /// Parquet.
    Parquet,
    /// Values with commas between them, the names of the columns in the first line.
    Csv,
}

/// A table that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenTable {
    /// How many rows it has.
    pub rows: usize,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// The size of the file, in bytes.
    pub bytes: u64,
}

impl Question for WriteTable {
    const NAME: &'static str = "table";
    type Answer = WrittenTable;
}
