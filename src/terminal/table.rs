//! Rows of named values as a table for people. Knows nothing of what the values mean.

use serde_json::{Map, Value};

/// Lays rows out in columns: numbers to the right, fractions with four places, columns that are empty everywhere left out.
pub fn table(rows: &[Map<String, Value>]) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for key in rows.iter().flat_map(Map::keys) {
        if !columns.contains(&key) && rows.iter().any(|row| !cell(row.get(key)).is_empty()) {
            columns.push(key);
        }
    }
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| {
            rows.iter()
                .map(|row| cell(row.get(*column)).chars().count())
                .chain([column.chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let is_number: Vec<bool> =
        columns.iter().map(|column| rows.iter().any(|row| row.get(*column).is_some_and(Value::is_number))).collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().enumerate().map(|(place, text)| {
            let width = widths[place];
            if is_number[place] { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(columns.iter().map(ToString::to_string).collect());
    for row in rows {
        text += &line(columns.iter().map(|column| cell(row.get(*column))).collect());
    }
    text
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
        assert_eq!(table(&rows), "model  users    HR@1\npipe      10  0.5000\n");
    }
}
