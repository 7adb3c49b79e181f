//! The rows as text for people.

use serde_json::{Map, Value};

/// The rows under a heading, in aligned columns.
pub(crate) fn lines(rows: &[Map<String, Value>]) -> Vec<String> {
    let Some(first) = rows.first() else { return Vec::new() };
    let heading: Vec<String> = first.keys().cloned().collect();
    let cells = std::iter::once(heading).chain(rows.iter().map(|row| row.values().map(cell).collect()));
    let cells: Vec<Vec<String>> = cells.collect();
    let widths: Vec<usize> = (0..cells[0].len())
        .map(|column| cells.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0))
        .collect();
    cells
        .iter()
        .map(|row| {
            let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            padded.join("  ").trim_end().to_owned()
        })
        .collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}
