//! Parquet files of interactions, read some rows at a time.

use crate::formats::columns::{Places, places};
use crate::formats::recognise::{Reader, Recognised};
use crate::formats::review::{ReviewRow, Written};
use crate::parameters::{Columns, Parameters};
use crate::source::BadRow;
use crate::table::Batch;
use crate::time::{self, Time};
use contract::{Failure, FailureKind, Result};
use polars::prelude::{Column, DataFrame, DataType, ParquetReader, SerReader as _, TimeUnit};
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

/// How many rows are in memory at a time.
const ROWS: usize = 1 << 18;

/// The columns of a Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParquetLayout {
    /// The names of all columns.
    pub(super) names: Vec<String>,
    /// Which column is what.
    pub(super) places: Places,
}

/// The layout of a Parquet file.
pub(super) fn layout(path: &Path, asked: &Columns) -> Result<ParquetLayout> {
    let schema = reader(path)?.schema().map_err(|error| Failure::reading(path, error))?;
    let names: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
    let places = places(path, &names, asked)?;
    Ok(ParquetLayout { names, places })
}

/// Reads a file of interactions; rows count from 1.
pub(super) fn read(
    path: &Path,
    recognised: &Recognised,
    parameters: &Parameters,
    take: &mut dyn FnMut(Batch) -> Result<()>,
) -> Result<()> {
    let Reader::Parquet(layout) = &recognised.reader else { return Ok(()) };
    let failed = |error| Failure::reading(path, error).hint("expected a whole Parquet file");
    let rows = reader(path)?.num_rows().map_err(failed)?;
    let wanted: Vec<String> = layout.places.roles().iter().map(|(_, place)| layout.names[*place].clone()).collect();
    for start in (0..rows).step_by(ROWS) {
        let frame = reader(path)?
            .with_columns(Some(wanted.clone()))
            .with_slice(Some((start, ROWS)))
            .set_rechunk(true)
            .finish()
            .map_err(failed)?;
        take(batch(path, &frame, layout, start as u64 + 1, parameters)?)?;
    }
    Ok(())
}

fn reader(path: &Path) -> Result<ParquetReader<File>> {
    File::open(path).map(ParquetReader::new).map_err(|error| Failure::reading(path, error))
}

fn batch(path: &Path, frame: &DataFrame, layout: &ParquetLayout, first: u64, parameters: &Parameters) -> Result<Batch> {
    let column = |place: usize| -> Result<&Column> {
        frame.column(&layout.names[place]).map_err(|error| Failure::reading(path, error))
    };
    let Places { user, item, time, rating, text } = layout.places;
    let name = |place: usize| layout.names[place].as_str();
    let (users, items) = (strings(path, column(user)?)?, strings(path, column(item)?)?);
    let times = time.map(|place| seconds(path, column(place)?)).transpose()?;
    let ratings =
        rating.filter(|_| parameters.min_rating > 0.0).map(|place| numbers(path, column(place)?)).transpose()?;
    let texts = text.map(|place| strings(path, column(place)?)).transpose()?;
    let mut batch = Batch::default();
    for row in 0..frame.height() {
        let line = first + row as u64;
        let missing = |place: usize, expected: &str| BadRow::missing(line, name(place), "nothing", expected);
        let id = |ids: &[Option<String>], place: usize| {
            let id = ids[row].clone().filter(|id| !id.is_empty() && !id.contains('\0'));
            id.ok_or_else(|| missing(place, "an identifier"))
        };
        let mut add = || -> std::result::Result<(), BadRow> {
            let (user, item) = (id(&users, user)?, id(&items, item)?);
            let time = match (&times, time) {
                (Some(times), Some(place)) => Some(times[row].ok_or_else(|| missing(place, time::EXPECTED))?),
                _ => None,
            };
            let rating = match (&ratings, rating) {
                (Some(ratings), Some(place)) => Some(ratings[row].ok_or_else(|| missing(place, "a number"))?),
                _ => None,
            };
            let text = match texts.as_ref().map(|texts| &texts[row]) {
                Some(Some(text)) => Written::Text(Cow::Borrowed(text)),
                Some(None) => Written::Absent,
                None => Written::None,
            };
            let row = ReviewRow { user: &user, item: &item, time, rating, summary: Written::None, text };
            row.add_to(&mut batch, parameters);
            Ok(())
        };
        let added = add();
        batch.bad.extend(added.err());
    }
    Ok(batch)
}

/// A column of strings or whole numbers as strings.
fn strings(path: &Path, column: &Column) -> Result<Vec<Option<String>>> {
    let found = column.dtype();
    let is_whole = found.is_integer() || matches!(found, DataType::String | DataType::Categorical(..) | DataType::Null);
    if !is_whole {
        return Err(mistyped(path, column, "strings or whole numbers"));
    }
    let cast = column.cast(&DataType::String).map_err(|error| unreadable(path, column, error))?;
    let values = cast.str().map_err(|error| unreadable(path, column, error))?;
    Ok(values.iter().map(|value| value.map(|text| text.trim().to_owned())).collect())
}

/// A column of times: numbers, dates, or strings of either.
fn seconds(path: &Path, column: &Column) -> Result<Vec<Option<Time>>> {
    const SECONDS_A_DAY: i64 = 86_400;
    let failed = |error| unreadable(path, column, error);
    let whole = |divisor: i64, factor: i64| -> Result<Vec<Option<Time>>> {
        let cast = column.cast(&DataType::Int64).map_err(failed)?;
        let values = cast.i64().map_err(failed)?;
        let time = |value: i64| Time { seconds: value.div_euclid(divisor) * factor, is_finer: divisor > 1 };
        Ok(values.iter().map(|value| value.map(time)).collect())
    };
    match column.dtype() {
        DataType::Date => whole(1, SECONDS_A_DAY),
        DataType::Datetime(TimeUnit::Milliseconds, _) => whole(1_000, 1),
        DataType::Datetime(TimeUnit::Microseconds, _) => whole(1_000_000, 1),
        DataType::Datetime(TimeUnit::Nanoseconds, _) => whole(1_000_000_000, 1),
        found if found.is_integer() => {
            let cast = column.cast(&DataType::Int64).map_err(failed)?;
            let values = cast.i64().map_err(failed)?;
            Ok(values.iter().map(|value| value.map(time::of_number)).collect())
        }
        found if found.is_float() => {
            Ok(numbers(path, column)?.into_iter().map(|value| value.and_then(time::of_float)).collect())
        }
        DataType::String => {
            Ok(strings(path, column)?.iter().map(|value| value.as_deref().and_then(time::of_text)).collect())
        }
        _ => Err(mistyped(path, column, "times")),
    }
}

fn numbers(path: &Path, column: &Column) -> Result<Vec<Option<f64>>> {
    if !column.dtype().is_primitive_numeric() {
        return Err(mistyped(path, column, "numbers"));
    }
    let cast = column.cast(&DataType::Float64).map_err(|error| unreadable(path, column, error))?;
    let values = cast.f64().map_err(|error| unreadable(path, column, error))?;
    Ok(values.iter().collect())
}

fn mistyped(path: &Path, column: &Column, expected: &str) -> Failure {
    let (name, found) = (column.name(), column.dtype());
    let message = format!("{}: column '{name}' is of type {found}, expected {expected}", path.display());
    Failure::new(FailureKind::MissingField, message).hint("columns = { ... } names another column")
}

fn unreadable(path: &Path, column: &Column, error: impl std::fmt::Display) -> Failure {
    Failure::reading(path, format!("column '{}': {error}", column.name()))
}
