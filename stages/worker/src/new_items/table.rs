//! The Parquet files of new items: theirs, and that of their codes.

use contract::{Failure, FailureKind, Result};
use polars::prelude::{
    Column, DataFrame, DataType, NamedFrom, ParquetReader, ParquetWriter, PolarsResult, SerReader, Series,
};
use std::path::Path;

/// New items, by row.
#[derive(Debug)]
pub(super) struct NewItems {
    /// Their names.
    pub ids: Vec<String>,
    /// Their titles; empty where they have none.
    pub titles: Vec<String>,
    /// Their embeddings, where they have one.
    pub embeddings: Vec<Option<Vec<f32>>>,
    texts: Vec<String>,
}

impl NewItems {
    /// Reads the columns `item`, and `embedding` (lists of `dim` numbers) or `title` and `description`. Every row must
    /// have an embedding or a text.
    pub(super) fn read(path: &Path, dim: usize) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, error))?;
        let frame = ParquetReader::new(file)
            .set_rechunk(true)
            .finish()
            .map_err(|error| Failure::reading(path, error).hint("expected a whole Parquet file"))?;
        let names: Vec<&str> = frame.get_column_names().iter().map(|name| name.as_str()).collect();
        let lacks = |column: &str| {
            let message = format!("{}: no column {column}; found the columns: {}", path.display(), names.join(", "));
            Failure::new(FailureKind::MissingField, message)
                .hint("expected item, and embedding (lists of numbers) or title and description")
        };
        if names.contains(&"code_1") {
            let message =
                format!("{} has codes already: it is what `pipe tokenize --output` has written", path.display());
            return Err(
                Failure::new(FailureKind::Conflict, message).hint("name the table of the new items with --items")
            );
        }
        let unreadable = |error| Failure::reading(path, error);
        let item = frame.column("item").map_err(|_| lacks("'item'"))?;
        let ids: Vec<Option<String>> = words(item).map_err(unreadable)?;
        if !["embedding", "title", "description"].iter().any(|name| names.contains(name)) {
            return Err(lacks("'embedding', 'title' or 'description'"));
        }
        let embeddings = match frame.column("embedding") {
            Ok(column) => vectors(column, path)?,
            Err(_) => vec![None; ids.len()],
        };
        let column =
            |name: &str| frame.column(name).map_or_else(|_| Ok(vec![None; ids.len()]), words).map_err(unreadable);
        let filled = |values: Vec<Option<String>>| values.into_iter().map(Option::unwrap_or_default).collect();
        let (titles, descriptions): (Vec<String>, Vec<String>) =
            (filled(column("title")?), filled(column("description")?));
        let texts = titles.iter().zip(&descriptions).map(|(title, description)| text::text_of(title, description));
        let items = Self { texts: texts.collect(), titles, embeddings, ids: filled(ids) };
        items.check(path, dim)?;
        Ok(items)
    }

    /// The texts of the items that have no embedding.
    pub(super) fn texts_without_embedding(&self) -> impl Iterator<Item = &str> {
        let pairs = self.texts.iter().zip(&self.embeddings);
        pairs.filter(|(_, embedding)| embedding.is_none()).map(|(text, _)| text.as_str())
    }

    fn check(&self, path: &Path, dim: usize) -> Result<()> {
        if self.ids.is_empty() {
            return Err(Failure::new(FailureKind::NothingUsable, format!("{} has no rows", path.display())));
        }
        for (row, id) in self.ids.iter().enumerate() {
            let found = match &self.embeddings[row] {
                _ if id.is_empty() => "item is empty, expected its name".to_owned(),
                None if self.texts[row].is_empty() => {
                    format!("'{id}' has neither an embedding nor a title or description")
                }
                Some(vector) if vector.len() != dim => {
                    format!("the embedding of '{id}' has {} numbers, the codebook was trained on {dim}", vector.len())
                }
                Some(vector) => match vector.iter().find(|value| !value.is_finite()) {
                    Some(value) => format!("the embedding of '{id}' holds {value}, expected finite numbers"),
                    None => continue,
                },
                None => continue,
            };
            let message = format!("{}: row {row}: {found}", path.display());
            return Err(Failure::new(FailureKind::MalformedRow, message));
        }
        Ok(())
    }
}

/// Writes the columns `item`, `title`, `code_1`, `code_2`, ...
pub(super) fn write(path: &Path, ids: &[String], titles: &[String], codes: &[&[u32]]) -> Result<()> {
    let mut columns: Vec<Column> =
        vec![Series::new("item".into(), ids).into(), Series::new("title".into(), titles).into()];
    for level in 0..codes.first().map_or(0, |codes| codes.len()) {
        let of_level: Vec<u32> = codes.iter().map(|codes| codes[level]).collect();
        columns.push(Series::new(format!("code_{}", level + 1).into(), of_level).into());
    }
    let mut frame = DataFrame::new_infer_height(columns).map_err(|error| Failure::writing(path, error))?;
    let file = std::fs::File::create(path).map_err(|error| Failure::writing(path, error))?;
    ParquetWriter::new(file).finish(&mut frame).map(drop).map_err(|error| Failure::writing(path, error))
}

/// Any column as words; a cell may be empty.
fn words(column: &Column) -> PolarsResult<Vec<Option<String>>> {
    let words = column.cast(&DataType::String)?;
    Ok(words.str()?.iter().map(|word| word.map(str::to_owned)).collect())
}

/// A column of lists of numbers; a cell may be empty.
fn vectors(column: &Column, path: &Path) -> Result<Vec<Option<Vec<f32>>>> {
    let wrong = |_| {
        let message =
            format!("{}: column 'embedding' is of type {}, expected lists of f32", path.display(), column.dtype());
        Failure::new(FailureKind::MissingField, message)
    };
    let lists = column.cast(&DataType::List(Box::new(DataType::Float32))).map_err(wrong)?;
    let of_row = |row: Option<Series>| -> PolarsResult<Option<Vec<f32>>> {
        // An empty number is none that can be used, as one that is not finite.
        row.map(|row| Ok(row.f32()?.iter().map(|value| value.unwrap_or(f32::NAN)).collect())).transpose()
    };
    let lists = lists.list().map_err(wrong)?;
    (0..lists.len()).map(|row| of_row(lists.get_as_series(row))).collect::<PolarsResult<_>>().map_err(wrong)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A table with the columns `item` and `embedding`.
    pub(crate) fn write_embeddings(path: &Path, rows: &[(&str, Option<&[f64]>)]) {
        let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
        let lists: Vec<Option<Series>> =
            rows.iter().map(|row| row.1.map(|list| Series::new("".into(), list))).collect();
        let columns = vec![Series::new("item".into(), names).into(), Series::new("embedding".into(), lists).into()];
        let mut frame = DataFrame::new_infer_height(columns).unwrap();
        ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
    }
}
