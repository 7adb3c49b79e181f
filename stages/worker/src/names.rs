//! The identifiers of users and items, beside the numbers that stand for them in tables.

use contract::Result;
use frames::{Items, Users, kinds};
use serde_json::{Map, Value};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Identifiers by number, read when a table first has such a number.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    folders: BTreeMap<&'a str, &'a Path>,
    users: OnceCell<Vec<String>>,
    items: OnceCell<Vec<String>>,
}

impl<'a> Names<'a> {
    /// Those of artifacts, by kind.
    pub(crate) fn of(folders: &'a BTreeMap<String, PathBuf>) -> Self {
        let folders = folders.iter().map(|(kind, folder)| (kind.as_str(), folder.as_path())).collect();
        Self { folders, ..Self::default() }
    }

    /// The identifiers behind the numbers of a column; none where they are not known.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn ids(&self, column: &str) -> Result<&[String]> {
        let (ids, kind) = match column {
            "user" => (&self.users, kinds::USERS),
            "item" => (&self.items, kinds::ITEMS),
            _ => return Ok(&[]),
        };
        if let Some(ids) = ids.get() {
            return Ok(ids);
        }
        let read = match (kind, self.folders.get(kind)) {
            (_, None) => Vec::new(),
            (kinds::USERS, Some(folder)) => Users::read(folder)?.id,
            (_, Some(folder)) => Items::read(folder)?.id,
        };
        Ok(ids.get_or_init(|| read))
    }

    /// A row with `user_id` behind `user` and `item_id` behind `item`; as it is where it is of a table that gives identifiers.
    ///
    /// # Errors
    /// When the identifiers cannot be read.
    pub(crate) fn beside(&self, row: Map<String, Value>) -> Result<Map<String, Value>> {
        if are_given_by(row.keys().map(String::as_str)) {
            return Ok(row);
        }
        let mut named = Map::new();
        for (column, value) in row {
            let ids = self.ids(&column)?;
            let id = value.as_u64().and_then(|number| ids.get(number as usize)).cloned();
            let beside = id.map(|id| (format!("{column}_id"), Value::String(id)));
            named.insert(column, value);
            named.extend(beside);
        }
        Ok(named)
    }
}

/// Whether a table with these columns is one that gives users or items their identifiers.
pub(crate) fn are_given_by<'a>(mut columns: impl Iterator<Item = &'a str>) -> bool {
    columns.any(|column| column == "id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn identifiers_follow_their_numbers_where_they_are_known() {
        let names = Names::default();
        names.users.set(vec!["U0".to_owned(), "U1".to_owned()]).unwrap();
        let beside = |row: Value| Value::Object(names.beside(row.as_object().unwrap().clone()).unwrap()).to_string();
        assert_eq!(beside(json!({"user": 1, "item": 0, "rank": 1})), r#"{"user":1,"user_id":"U1","item":0,"rank":1}"#);
        assert_eq!(beside(json!({"user": 7})), r#"{"user":7}"#);
        assert_eq!(beside(json!({"user": 0, "id": "U0"})), r#"{"user":0,"id":"U0"}"#);
    }
}
