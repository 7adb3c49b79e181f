//! A table with identifiers beside numbers, written to one file, for `pipe export table`.

use crate::names::{self, Names};
use crate::whole;
use contract::questions::{PeekOutput, TableForm, WriteTable, WrittenTable};
use contract::{Failure, FailureKind, Result};
use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{
    AnyValue, Column, DataFrame, DataType, NamedFrom, ParquetCompression, ParquetReader, ParquetWriter, SerReader,
    Series,
};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// How many rows are held in memory at once.
const ROWS: usize = 262_144;

/// Writes the table, some rows at a time.
///
/// # Errors
/// When the output has no table or several, one cannot be read, or the file cannot be written.
pub(crate) fn answer(request: &WriteTable) -> Result<WrittenTable> {
    let path = table_of(&request.table)?;
    let ((rows, columns), bytes) = whole::file(&request.output, |partial| write(request, &path, partial))?;
    Ok(WrittenTable { rows, columns, bytes })
}

/// Writes the table of `path`. Gives the number of its rows and its columns.
fn write(request: &WriteTable, path: &Path, partial: &Path) -> Result<(usize, Vec<String>)> {
    let names = Names::of(&request.names);
    let unwritable = |error: &dyn std::fmt::Display| Failure::writing(&request.output, error);
    let rows = reader(path)?.num_rows().map_err(|error| Failure::reading(path, error))?;
    let part = |first| {
        let part = reader(path)?.with_slice(Some((first, ROWS))).finish();
        with_identifiers(&part.map_err(|error| Failure::reading(path, error))?, &names)
    };
    let mut frame = part(0)?;
    let columns = frame.get_column_names().iter().map(ToString::to_string).collect();
    let mut writer = Writer::create(partial, request.form, &frame).map_err(|error| unwritable(&error))?;
    for next in (ROWS..).step_by(ROWS) {
        writer.add(&frame).map_err(|error| unwritable(&error))?;
        if next >= rows {
            break;
        }
        frame = part(next)?;
    }
    writer.finish().map_err(|error| unwritable(&error))?;
    Ok((rows, columns))
}

/// The only Parquet file of an output.
fn table_of(output: &PeekOutput) -> Result<PathBuf> {
    let unreadable = |error| Failure::reading(&output.folder, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&output.folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    let tables: Vec<&PathBuf> = files.iter().filter(|file| file.extension().is_some_and(|e| e == "parquet")).collect();
    if let [table] = tables[..] {
        return Ok(table.clone());
    }
    let names: Vec<_> = files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy())).collect();
    let message =
        format!("'{}' has {} tables, expected one; its files: {}", output.port, tables.len(), names.join(", "));
    Err(Failure::new(FailureKind::Conflict, message).hint("`pipe peek` shows files of every form"))
}

fn reader(path: &Path) -> Result<ParquetReader<File>> {
    Ok(ParquetReader::new(File::open(path).map_err(|error| Failure::reading(path, error))?))
}

/// The rows with `user_id` behind `user` and `item_id` behind `item`, where they are known. A number that no identifier belongs to has an
/// empty one.
fn with_identifiers(frame: &DataFrame, names: &Names<'_>) -> Result<DataFrame> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::other("name users and items", error);
    let gives_names = names::are_given_by(frame.get_column_names().iter().map(|name| name.as_str()));
    let mut columns: Vec<Column> = Vec::new();
    for column in frame.columns() {
        columns.push(column.clone());
        let ids = if gives_names { &[][..] } else { names.ids(column.name())? };
        if ids.is_empty() {
            continue;
        }
        let numbers = column.cast(&DataType::UInt64).map_err(|error| unreadable(&error))?;
        let numbers = numbers.u64().map_err(|error| unreadable(&error))?;
        let of = |number: Option<u64>| ids.get(usize::try_from(number?).ok()?).map(String::as_str);
        let beside: Vec<Option<&str>> = numbers.iter().map(of).collect();
        columns.push(Series::new(format!("{}_id", column.name()).as_str().into(), beside).into());
    }
    DataFrame::new_infer_height(columns).map_err(|error| unreadable(&error))
}

/// A file to which rows are added.
enum Writer {
    Parquet(Box<BatchedWriter<BufWriter<File>>>),
    Csv(BufWriter<File>),
}

type Written<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl Writer {
    /// Begins a file with the columns of a frame.
    fn create(path: &Path, form: TableForm, frame: &DataFrame) -> Written<Self> {
        let file = File::create(path)?;
        match form {
            TableForm::Parquet => {
                let writer = ParquetWriter::new(BufWriter::new(file)).with_compression(ParquetCompression::Zstd(None));
                Ok(Self::Parquet(Box::new(writer.set_parallel(false).batched(frame.schema())?)))
            }
            TableForm::Csv => {
                let mut file = BufWriter::new(file);
                write_record(&mut file, frame.get_column_names().iter().map(ToString::to_string))?;
                Ok(Self::Csv(file))
            }
        }
    }

    fn add(&mut self, frame: &DataFrame) -> Written<()> {
        match self {
            Self::Parquet(writer) => writer.write_batch(frame)?,
            Self::Csv(file) => {
                for row in 0..frame.height() {
                    let cells = frame.columns().iter().map(|column| column.get(row).map(|value| cell(&value)));
                    write_record(file, cells.collect::<polars::prelude::PolarsResult<Vec<_>>>()?)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Written<()> {
        match self {
            Self::Parquet(writer) => drop(writer.finish()?),
            Self::Csv(mut file) => file.flush()?,
        }
        Ok(())
    }
}

/// A line of values with commas between them, quoted where they need it.
fn write_record(file: &mut BufWriter<File>, cells: impl IntoIterator<Item = String>) -> std::io::Result<()> {
    let cells: Vec<String> = cells.into_iter().collect();
    let mut writer = csv_core::Writer::new();
    // Every byte may become two, between quotes, before a comma or the end of the line.
    let mut line = vec![0; cells.iter().map(|cell| 2 * cell.len() + 4).sum()];
    let mut length = 0;
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            length += writer.delimiter(&mut line[length..]).1;
        }
        length += writer.field(cell.as_bytes(), &mut line[length..]).2;
    }
    length += writer.terminator(&mut line[length..]).1;
    file.write_all(&line[..length])
}

/// A value as text: nothing for an empty cell, a list with spaces between its values.
fn cell(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(text) => (*text).to_owned(),
        AnyValue::StringOwned(text) => text.to_string(),
        AnyValue::Float32(number) => number.to_string(),
        AnyValue::Float64(number) => number.to_string(),
        AnyValue::List(values) => values.iter().map(|value| cell(&value)).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
