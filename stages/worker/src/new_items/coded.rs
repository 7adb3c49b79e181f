//! New items with their codes, as `pipe tokenize --output` writes them, for those who rank them.

use contract::{Failure, FailureKind, Result};
use frames::Codes;
use polars::prelude::{ParquetReader, SerReader};
use std::collections::HashSet;
use std::path::Path;

/// Items that a model can rank though it was trained without them.
#[derive(Debug, Default)]
pub(crate) struct CodedItems {
    /// Their names.
    pub(crate) ids: Vec<String>,
    /// Their titles; empty where none is known.
    pub(crate) titles: Vec<String>,
    /// One code for each level.
    pub(crate) codes: Vec<Vec<u32>>,
    /// The names of those that are not among them: the model has no token for one of their codes.
    pub(crate) left_out: Vec<String>,
}

impl CodedItems {
    /// Reads a file; none is no items. `codes` are those of the items of training.
    ///
    /// # Errors
    /// When the file is not one of `pipe tokenize`, its items have another number of codes, or an item is in it twice.
    pub(crate) fn read(path: Option<&Path>, codes: &Codes) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let used: Vec<HashSet<u32>> = codes.levels.iter().map(|level| level.iter().copied().collect()).collect();
        let mut items = Self::default();
        let mut names = HashSet::new();
        for (row, (id, title, codes)) in rows(path, used.len())?.into_iter().enumerate() {
            if !names.insert(id.clone()) {
                let message = format!("{}: row {row}: item '{id}' is there twice", path.display());
                return Err(Failure::new(FailureKind::MalformedRow, message));
            }
            if codes.iter().zip(&used).all(|(code, used)| used.contains(code)) {
                items.ids.push(id);
                items.titles.push(title);
                items.codes.push(codes);
            } else {
                items.left_out.push(id);
            }
        }
        Ok(items)
    }

    /// What to say of those that were left out; nothing when none was.
    pub(crate) fn warning(&self) -> Option<String> {
        let first = self.left_out.first()?;
        let (out, all) = (self.left_out.len(), self.left_out.len() + self.ids.len());
        Some(format!(
            "{out} of {all} new items are left out, such as '{first}': no item of training has one of their codes, so the model has \
             no token for it"
        ))
    }
}

/// Names, titles and codes of all rows.
fn rows(path: &Path, levels: usize) -> Result<Vec<(String, String, Vec<u32>)>> {
    let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, error))?;
    let frame = ParquetReader::new(file).set_rechunk(true).finish().map_err(|error| {
        Failure::reading(path, error).hint("expected the file that `pipe tokenize --output` writes")
    })?;
    let names: Vec<&str> = frame.get_column_names().iter().map(|name| name.as_str()).collect();
    let wrong = |found: String| {
        Failure::new(
            FailureKind::MissingField,
            format!("{}: {found}; found the columns: {}", path.display(), names.join(", ")),
        )
        .hint("expected the file that `pipe tokenize --output` writes for this pipeline: item, code_1, code_2, ...")
    };
    let has = names.iter().filter(|name| name.starts_with("code_")).count();
    if has != levels {
        return Err(wrong(format!("items have {has} codes, those of the pipeline {levels}")));
    }
    let text = |name: &str| -> Result<Vec<String>> {
        let column = frame.column(name).map_err(|_| wrong(format!("no column '{name}'")))?;
        let column = column.str().map_err(|error| wrong(format!("column '{name}': {error}")))?;
        Ok(column.iter().map(|value| value.unwrap_or_default().to_owned()).collect())
    };
    let code = |level: usize| -> Result<Vec<u32>> {
        let name = format!("code_{level}");
        let column = frame.column(&name).map_err(|_| wrong(format!("no column '{name}'")))?;
        let column = column.u32().map_err(|error| wrong(format!("column '{name}': {error}")))?;
        column.iter().map(|value| value.ok_or_else(|| wrong(format!("column '{name}' has empty cells")))).collect()
    };
    let ids = text("item")?;
    let titles = if names.contains(&"title") { text("title")? } else { vec![String::new(); ids.len()] };
    let codes: Vec<Vec<u32>> = (1..=levels).map(code).collect::<Result<_>>()?;
    let of_row = |row: usize| codes.iter().map(|level| level[row]).collect();
    Ok(ids.into_iter().zip(titles).enumerate().map(|(row, (id, title))| (id, title, of_row(row))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::new_items::table;

    fn codes() -> Codes {
        Codes { levels: vec![vec![0, 1, 1], vec![2, 0, 0]] }
    }

    fn read(ids: &[&str], codes_of: &[&[u32]]) -> Result<CodedItems> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.parquet");
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let titles: Vec<String> = ids.iter().map(|id| format!("title of {id}")).collect();
        table::write(&path, &ids, &titles, codes_of).unwrap();
        CodedItems::read(Some(&path), &codes())
    }

    #[test]
    fn items_whose_codes_have_no_token_are_left_out() {
        let items = read(&["a", "b", "c"], &[&[0, 0], &[2, 0], &[1, 2]]).unwrap();
        assert_eq!((items.ids.join(" "), items.titles[1].as_str()), ("a c".to_owned(), "title of c"));
        assert_eq!(items.codes, [[0, 0], [1, 2]]);
        assert!(items.warning().unwrap().starts_with("1 of 3 new items are left out, such as 'b'"));
        assert!(CodedItems::read(None, &codes()).unwrap().ids.is_empty());
    }

    #[test]
    fn files_of_another_pipeline_are_refused() {
        let failure = read(&["a"], &[&[0, 0, 0]]).unwrap_err();
        assert!(failure.message.contains("items have 3 codes, those of the pipeline 2"), "{failure}");
        let twice = read(&["a", "a"], &[&[0, 0], &[0, 2]]).unwrap_err();
        assert!(twice.message.contains("row 1: item 'a' is there twice"), "{twice}");
        let missing = CodedItems::read(Some(Path::new("/none.parquet")), &codes()).unwrap_err();
        assert_eq!(missing.kind, FailureKind::DamagedFile, "{missing}");
    }
}
