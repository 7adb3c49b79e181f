//! Parquet in and out, with every column checked.

use contract::{Failure, FailureKind, Result};
use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{
    Column, DataFrame, DataType, NamedFrom, ParquetCompression, ParquetReader, ParquetWriter, PolarsError, SerReader,
    Series,
};
use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// A table that was read, with the path it came from for its errors.
pub(crate) struct Table {
    path: PathBuf,
    frame: DataFrame,
}

impl Table {
    /// Reads the Parquet file `name` in `folder`.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|error| Failure::reading(&path, error))?;
        let frame = ParquetReader::new(file)
            .set_rechunk(true)
            .finish()
            .map_err(|error| Failure::reading(&path, error).hint("expected a whole Parquet file; make it again"))?;
        Ok(Self { path, frame })
    }

    /// Reads some rows of the file, from the first of them on, and some of its columns or all.
    pub(crate) fn read_rows(
        folder: &Path,
        name: &str,
        first: usize,
        count: usize,
        columns: Option<&[&str]>,
    ) -> Result<Self> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|error| Failure::reading(&path, error))?;
        let frame = ParquetReader::new(file)
            .with_slice(Some((first, count)))
            .with_columns(columns.map(|columns| columns.iter().map(ToString::to_string).collect()))
            .set_rechunk(true)
            .finish()
            .map_err(|error| Failure::reading(&path, error).hint("expected a whole Parquet file; make it again"))?;
        Ok(Self { path, frame })
    }

    /// The number of rows of the file, of which none is read.
    pub(crate) fn count_rows(folder: &Path, name: &str) -> Result<usize> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|error| Failure::reading(&path, error))?;
        let rows = ParquetReader::new(file).num_rows();
        rows.map_err(|error| Failure::reading(&path, error).hint("expected a whole Parquet file; make it again"))
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of rows.
    pub(crate) fn height(&self) -> usize {
        self.frame.height()
    }

    /// The names of the columns, in order.
    pub(crate) fn column_names(&self) -> Vec<String> {
        self.frame.get_column_names().iter().map(ToString::to_string).collect()
    }

    /// A column of unsigned 32-bit integers.
    pub(crate) fn u32(&self, name: &str) -> Result<Vec<u32>> {
        let column = self.column(name, &DataType::UInt32)?;
        let values = column.u32().map_err(|error| self.unreadable(name, error))?;
        Ok(values.into_no_null_iter().collect())
    }

    /// A column of unsigned 32-bit integers in which cells may be empty.
    pub(crate) fn optional_u32(&self, name: &str) -> Result<Vec<Option<u32>>> {
        let column = self.typed(name, &DataType::UInt32)?;
        let values = column.u32().map_err(|error| self.unreadable(name, error))?;
        Ok(values.iter().collect())
    }

    /// A column of 32-bit floats.
    pub(crate) fn f32(&self, name: &str) -> Result<Vec<f32>> {
        let column = self.column(name, &DataType::Float32)?;
        let values = column.f32().map_err(|error| self.unreadable(name, error))?;
        Ok(values.into_no_null_iter().collect())
    }

    /// A column of signed 64-bit integers.
    pub(crate) fn i64(&self, name: &str) -> Result<Vec<i64>> {
        let column = self.column(name, &DataType::Int64)?;
        let values = column.i64().map_err(|error| self.unreadable(name, error))?;
        Ok(values.into_no_null_iter().collect())
    }

    /// A column of numbers of any type, empty cells as `None`, and the type that they had. `usual` is for the error.
    pub(crate) fn numbers(&self, name: &str, usual: &DataType) -> Result<(Vec<Option<f64>>, DataType)> {
        let found = self.frame.column(name).map(|column| column.dtype().clone());
        let column = match &found {
            Ok(found) if found.is_primitive_numeric() => self.typed(name, found)?,
            _ => self.typed(name, usual)?,
        };
        let numbers = column.cast(&DataType::Float64).map_err(|error| self.unreadable(name, error))?;
        let values = numbers.f64().map_err(|error| self.unreadable(name, error))?;
        Ok((values.iter().collect(), column.dtype().clone()))
    }

    /// A column of text.
    pub(crate) fn text(&self, name: &str) -> Result<Vec<String>> {
        self.enumeration(name, |word| Some(word.to_owned()), "text")
    }

    /// A column of strings out of a known set: `parse` gives `None` for any other, `expected` lists the set.
    pub(crate) fn enumeration<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Vec<T>> {
        let column = self.column(name, &DataType::String)?;
        let values = column.str().map_err(|error| self.unreadable(name, error))?;
        values
            .iter()
            // Every cell holds a string: `column` refuses empty ones.
            .flatten()
            .enumerate()
            .map(|(row, word)| {
                parse(word).ok_or_else(|| self.bad_row(row, &format!("{name} is '{word}', expected {expected}")))
            })
            .collect()
    }

    /// The failure of a row whose values cannot be; rows count from 0.
    pub(crate) fn bad_row(&self, row: usize, found: &str) -> Failure {
        Failure::new(FailureKind::MalformedRow, format!("{}: row {row}: {found}", self.path.display()))
    }

    /// The failure of a file whose columns are not those expected.
    pub(crate) fn missing(&self, found: &str) -> Failure {
        Failure::new(FailureKind::MissingField, format!("{}: {found}", self.path.display()))
    }

    /// The column of that name and type without an empty cell.
    fn column(&self, name: &str, expected: &DataType) -> Result<&Column> {
        let column = self.typed(name, expected)?;
        if column.null_count() > 0 {
            let nulls = column.null_count();
            return Err(self.missing(&format!("column '{name}' has {nulls} empty cells, expected none")));
        }
        Ok(column)
    }

    fn typed(&self, name: &str, expected: &DataType) -> Result<&Column> {
        let Ok(column) = self.frame.column(name) else {
            let found = self.column_names().join(", ");
            return Err(self.missing(&format!("no column '{name}' of type {expected}; found the columns: {found}")));
        };
        if column.dtype() != expected {
            let found = column.dtype();
            return Err(self.missing(&format!("column '{name}' is of type {found}, expected {expected}")));
        }
        Ok(column)
    }

    fn unreadable(&self, name: &str, error: impl fmt::Display) -> Failure {
        Failure::reading(&self.path, format!("column '{name}': {error}"))
    }
}

/// A named column of any of the types above.
pub(crate) fn column<T, Phantom: ?Sized>(name: &str, values: T) -> Column
where
    Series: NamedFrom<T, Phantom>,
{
    Series::new(name.into(), values).into()
}

/// How many rows a row group has. Fixed, so that neither the machine nor its thread count shows in the bytes.
pub(crate) const ROWS_PER_GROUP: usize = 262_144;

/// A Parquet file that is written some rows at a time. A table of one row group has the bytes that [`write`] gives.
pub(crate) struct Groups {
    path: PathBuf,
    writer: BatchedWriter<BufWriter<File>>,
}

impl Groups {
    /// Begins the file `name` in `folder`; `empty` are its columns without rows.
    pub(crate) fn create(folder: &Path, name: &str, empty: Vec<Column>) -> Result<Self> {
        let path = folder.join(name);
        let failed = |error: PolarsError| Failure::writing(&path, error);
        let frame = DataFrame::new_infer_height(empty).map_err(failed)?;
        let writer = writer(folder, &path)?.batched(frame.schema()).map_err(failed)?;
        Ok(Self { path, writer })
    }

    /// Writes rows as a group, unless there are none.
    pub(crate) fn add(&mut self, columns: Vec<Column>) -> Result<()> {
        let failed = |error: PolarsError| Failure::writing(&self.path, error);
        let frame = DataFrame::new_infer_height(columns).map_err(failed)?;
        self.writer.write_batch(&frame).map_err(failed)
    }

    /// Ends the file.
    pub(crate) fn finish(self) -> Result<()> {
        self.writer.finish().map(drop).map_err(|error| Failure::writing(&self.path, error))
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Writes rows to the Parquet file `name` in `folder`, of which only a row group is turned into columns at a time: `columns` is given the
/// number of its first row and the rows.
pub(crate) fn write_rows<T>(
    folder: &Path,
    name: &str,
    rows: impl IntoIterator<Item = T>,
    columns: impl Fn(u32, &[T]) -> Vec<Column>,
) -> Result<()> {
    let mut groups = Groups::create(folder, name, columns(0, &[]))?;
    let mut rows = rows.into_iter().peekable();
    let mut first = 0;
    while rows.peek().is_some() {
        let group: Vec<T> = rows.by_ref().take(ROWS_PER_GROUP).collect();
        groups.add(columns(first, &group))?;
        first += group.len() as u32;
    }
    groups.finish()
}

/// Writes `columns`, all of one length, to the Parquet file `name` in `folder`.
pub(crate) fn write(folder: &Path, name: &str, columns: Vec<Column>) -> Result<()> {
    let path = folder.join(name);
    let mut frame = DataFrame::new_infer_height(columns).map_err(|error| Failure::writing(&path, error))?;
    writer(folder, &path)?.finish(&mut frame).map(drop).map_err(|error| Failure::writing(&path, error))
}

/// A writer of the file at `path`, in `folder`.
fn writer(folder: &Path, path: &Path) -> Result<ParquetWriter<BufWriter<File>>> {
    fs_err::create_dir_all(folder).map_err(|error| Failure::writing(folder, error))?;
    let file = File::create(path).map_err(|error| Failure::writing(path, error))?;
    Ok(ParquetWriter::new(BufWriter::new(file))
        .with_compression(ParquetCompression::Zstd(None))
        .with_row_group_size(Some(ROWS_PER_GROUP))
        .set_parallel(false))
}
