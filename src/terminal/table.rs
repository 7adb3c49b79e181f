//! Rows of named values as a table for people. Knows nothing of what the values mean.

use crate::terminal::columns::{Align, Columns};
use crate::terminal::width::width;
use serde_json::{Map, Value};

/// Sets rows in columns: numbers to the right, fractions with four places, columns that are empty everywhere left out.
///
/// On a terminal no line is wider than it; elsewhere each row is a line.
pub fn table(rows: &[Map<String, Value>]) -> String {
    columns(rows).set(width())
}

/// Rows of named values as cells of text.
pub fn columns(rows: &[Map<String, Value>]) -> Columns {
    let mut names: Vec<&String> = Vec::new();
    for key in rows.iter().flat_map(Map::keys) {
        if !names.contains(&key) && rows.iter().any(|row| !cell(row.get(key)).is_empty()) {
            names.push(key);
        }
    }
    let align = |name: &&String| {
        let is_number = rows.iter().any(|row| row.get(*name).is_some_and(Value::is_number));
        if is_number { Align::Right } else { Align::Left }
    };
    Columns {
        head: names.iter().map(ToString::to_string).collect(),
        align: names.iter().map(align).collect(),
        rows: rows.iter().map(|row| names.iter().map(|name| cell(row.get(*name))).collect()).collect(),
        gaps: Vec::new(),
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_columns_are_left_out_and_numbers_line_up() {
        let rows = [json!({ "point": "", "model": "pipe", "users": 10, "HR@1": 0.5 })];
        let rows: Vec<_> = rows.iter().filter_map(Value::as_object).cloned().collect();
        assert_eq!(columns(&rows).set(None), "model  users    HR@1\npipe      10  0.5000\n");
    }
}
