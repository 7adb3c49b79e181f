//! Columns of two Parquet files, name by name.

use crate::difference::Part;
use contract::{Failure, Result};
use polars::prelude::{Column, DataFrame, DataType, ParquetReader, PolarsResult, SerReader};
use std::collections::BTreeSet;
use std::path::Path;

/// How each column of either file differs.
pub(super) fn parts(a: &Path, b: &Path) -> Result<Vec<(String, Part)>> {
    let (one, other) = (read(a)?, read(b)?);
    if one.height() != other.height() {
        let rows = format!("{} → {} rows", one.height(), other.height());
        return Ok(vec![("the table".to_owned(), Part::Otherwise(rows))]);
    }
    let names =
        |frame: &DataFrame| -> BTreeSet<String> { frame.get_column_names().iter().map(ToString::to_string).collect() };
    let all: BTreeSet<String> = names(&one).union(&names(&other)).cloned().collect();
    let parts = all.into_iter().map(|name| {
        let part = match (one.column(&name), other.column(&name)) {
            (Ok(one), Ok(other)) => part(one, other).map_err(|error| Failure::other("compare columns", error))?,
            (Ok(_), Err(_)) => Part::Otherwise("only the first has it".to_owned()),
            _ => Part::Otherwise("only the second has it".to_owned()),
        };
        Ok((name, part))
    });
    parts.collect()
}

fn read(path: &Path) -> Result<DataFrame> {
    let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, error))?;
    ParquetReader::new(file).set_rechunk(true).finish().map_err(|error| Failure::reading(path, error))
}

fn part(one: &Column, other: &Column) -> PolarsResult<Part> {
    if one.dtype() != other.dtype() {
        return Ok(Part::Otherwise(format!("{} → {}", one.dtype(), other.dtype())));
    }
    if !one.dtype().is_primitive_numeric() {
        return cells(one, other);
    }
    let (one, other) = (one.cast(&DataType::Float64)?, other.cast(&DataType::Float64)?);
    let mut largest = 0.0_f64;
    for (row, pair) in one.f64()?.iter().zip(other.f64()?.iter()).enumerate() {
        match pair {
            (None, None) => {}
            (Some(a), Some(b)) if a.to_bits() == b.to_bits() || a == b => {}
            (Some(a), Some(b)) if (a - b).is_finite() => largest = largest.max((a - b).abs()),
            _ => return Ok(Part::Otherwise(format!("row {row}: a cell that is empty or not finite differs"))),
        }
    }
    Ok(if largest > 0.0 { Part::By(largest) } else { Part::Same })
}

/// Cells of any other type, which are equal or not.
fn cells(one: &Column, other: &Column) -> PolarsResult<Part> {
    let mut first = None;
    let mut count = 0_usize;
    for row in 0..one.len() {
        if one.get(row)? != other.get(row)? {
            first.get_or_insert(row);
            count += 1;
        }
    }
    Ok(first.map_or(Part::Same, |row| Part::Otherwise(format!("{count} cells differ, the first in row {row}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{NamedFrom, ParquetWriter, Series};

    fn write(path: &Path, columns: Vec<Column>) {
        let mut frame = DataFrame::new_infer_height(columns).unwrap();
        ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
    }

    fn numbers(name: &str, values: [f32; 3]) -> Column {
        Series::new(name.into(), values.to_vec()).into()
    }

    fn words(values: [&str; 3]) -> Column {
        Series::new("word".into(), values.to_vec()).into()
    }

    #[test]
    fn columns_are_compared_by_name_type_and_cell() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let same = [1.0, f32::NAN, 3.0];
        write(&a, vec![numbers("far", [1.0, 2.0, 3.0]), numbers("same", same), words(["x", "y", "z"])]);
        write(&b, vec![numbers("far", [1.5, 2.0, 2.75]), numbers("same", same), words(["x", "w", "w"])]);
        let found = parts(&a, &b).unwrap();
        assert_eq!(found[0], ("far".to_owned(), Part::By(0.5)));
        assert_eq!(found[1], ("same".to_owned(), Part::Same));
        assert_eq!(found[2], ("word".to_owned(), Part::Otherwise("2 cells differ, the first in row 1".to_owned())));
        write(&b, vec![words(["x", "y", "z"])]);
        let found = parts(&a, &b).unwrap();
        assert_eq!(found[0].1, Part::Otherwise("only the first has it".to_owned()));
        assert_eq!(found[2].1, Part::Same);
    }
}
