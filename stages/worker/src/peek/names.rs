//! The identifiers of users and items, beside the numbers that stand for them in tables.

use contract::Result;
use frames::{Items, Users, kinds};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Identifiers by number; none where they are not known.
#[derive(Debug, Default)]
pub(super) struct Names {
    users: Vec<String>,
    items: Vec<String>,
}

impl Names {
    /// Reads them from artifacts, by kind.
    pub(super) fn read(folders: &BTreeMap<String, PathBuf>) -> Result<Self> {
        let users = folders.get(kinds::USERS).map(|folder| Users::read(folder)).transpose()?;
        let items = folders.get(kinds::ITEMS).map(|folder| Items::read(folder)).transpose()?;
        let (users, items) = (users.map(|users| users.id), items.map(|items| items.id));
        Ok(Self { users: users.unwrap_or_default(), items: items.unwrap_or_default() })
    }

    /// A row with `user_id` behind `user` and `item_id` behind `item`. A row that has an `id` is of the table that gives it.
    pub(super) fn beside(&self, row: Map<String, Value>) -> Map<String, Value> {
        if row.contains_key("id") {
            return row;
        }
        let mut named = Map::new();
        for (column, value) in row {
            let ids = match column.as_str() {
                "user" => &self.users[..],
                "item" => &self.items[..],
                _ => &[],
            };
            let id = value.as_u64().and_then(|number| ids.get(number as usize)).cloned();
            let beside = id.map(|id| (format!("{column}_id"), Value::String(id)));
            named.insert(column, value);
            named.extend(beside);
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn identifiers_follow_their_numbers_where_they_are_known() {
        let names = Names { users: vec!["U0".to_owned(), "U1".to_owned()], items: Vec::new() };
        let beside = |row: Value| Value::Object(names.beside(row.as_object().unwrap().clone())).to_string();
        assert_eq!(beside(json!({"user": 1, "item": 0, "rank": 1})), r#"{"user":1,"user_id":"U1","item":0,"rank":1}"#);
        assert_eq!(beside(json!({"user": 7})), r#"{"user":7}"#);
        assert_eq!(beside(json!({"user": 0, "id": "U0"})), r#"{"user":0,"id":"U0"}"#);
    }
}
