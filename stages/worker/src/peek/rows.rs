//! The first rows of a table of any columns.

use crate::names::Names;
use contract::questions::Content;
use contract::{Failure, Result};
use polars::prelude::{AnyValue, ParquetReader, SerReader};
use serde_json::{Map, Value};
use std::path::Path;

/// How many numbers of a list are shown.
const NUMBERS: usize = 4;

/// The first rows of a Parquet file, and how many there are.
pub(super) fn first(path: &Path, count: usize, names: &Names<'_>) -> Result<Content> {
    let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, error))?;
    let frame = ParquetReader::new(file).finish().map_err(|error| Failure::reading(path, error))?;
    let head = frame.head(Some(count));
    let row = |place: usize| -> Map<String, Value> {
        let cell = |column: &polars::prelude::Column| {
            (column.name().to_string(), column.get(place).map_or(Value::Null, |value| shown(&value)))
        };
        head.columns().iter().map(cell).collect()
    };
    let rows = (0..head.height()).map(|place| names.beside(row(place))).collect::<Result<_>>()?;
    Ok(Content::Table { of: frame.height(), rows })
}

fn shown(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::List(series) => {
            let first: Vec<String> = series.iter().take(NUMBERS).map(|value| value.to_string()).collect();
            let more = if series.len() > NUMBERS { " ..." } else { "" };
            Value::String(format!("{}{more}", first.join(" ")))
        }
        AnyValue::String(text) => Value::String((*text).to_owned()),
        AnyValue::StringOwned(text) => Value::String(text.to_string()),
        AnyValue::Boolean(truth) => Value::Bool(*truth),
        other if other.is_float() => other.extract::<f64>().map_or(Value::Null, Value::from),
        other => other.extract::<i64>().map_or_else(|| Value::String(other.to_string()), Value::from),
    }
}
