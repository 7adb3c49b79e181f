//! The few numbers by which models are told apart at a glance, chosen from the rows of metrics.
//!
//! Of the ways in which a model was measured, the summary takes one: seen items excluded and hits of the item itself, where
//! the rows have these, and else the first.

use crate::report::metrics::Row;
use serde_json::Value;
use std::cmp::Ordering;

/// The metric by which runs are listed unless another is asked for.
pub const DEFAULT_METRIC: &str = "NDCG@10";

/// The columns that a summary has, where the rows have them.
pub const METRICS: [&str; 2] = ["HR@10", DEFAULT_METRIC];

/// The texts that are preferred, by column.
const PREFERRED: [(&str, &str); 2] = [("seen", "excluded"), ("hits", "item")];

/// The column that says what was measured.
const MODEL: &str = "model";

/// A line for each model of each point.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The metrics.
    pub metrics: Vec<String>,
    /// The lines, in the order of the rows.
    pub lines: Vec<SummaryLine>,
    /// The texts that all lines have, such as `seen excluded`.
    pub common: Vec<String>,
    /// Over how many users, where all lines have as many.
    pub users: Option<u64>,
    /// How many rows are not shown.
    pub left_out: usize,
}

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryLine {
    /// The point of the sweep; empty where there is one point.
    pub point: String,
    /// The model.
    pub model: String,
    /// The metrics, and whether each is the largest of its column.
    pub values: Vec<Option<(f64, bool)>>,
}

impl Summary {
    /// The summary of rows; nothing where they name no model or have no metric of a list's first places.
    pub fn of(rows: &[Row]) -> Option<Self> {
        let metrics = metrics_of(rows);
        let chosen = preferred(rows);
        if metrics.is_empty() || chosen.is_empty() || chosen.iter().any(|row| text(row, MODEL).is_none()) {
            return None;
        }
        let best: Vec<Option<f64>> =
            metrics.iter().map(|metric| chosen.iter().filter_map(|row| number(row, metric)).max_by(order)).collect();
        let value = |row: &Row, place: usize| {
            let value = number(row, &metrics[place])?;
            Some((value, chosen.len() > 1 && best[place] == Some(value)))
        };
        let lines = chosen.iter().map(|row| SummaryLine {
            point: text(row, "point").unwrap_or_default().to_owned(),
            model: text(row, MODEL).unwrap_or_default().to_owned(),
            values: (0..metrics.len()).map(|place| value(row, place)).collect(),
        });
        let users = |row: &Row| row.get("users").and_then(Value::as_u64);
        let first = users(chosen[0]).filter(|first| chosen.iter().all(|row| users(row) == Some(*first)));
        Some(Self {
            lines: lines.collect(),
            common: common(&chosen),
            users: first,
            left_out: rows.len() - chosen.len(),
            metrics,
        })
    }
}

/// The model with the largest value of a metric, and the value; nothing where no row has the metric.
pub fn best(rows: &[Row], metric: &str) -> Option<(String, f64)> {
    let with = |row: &&Row| Some((text(row, MODEL).unwrap_or_default().to_owned(), number(row, metric)?));
    preferred(rows).iter().filter_map(with).max_by(|(_, one), (_, other)| order(one, other))
}

/// The names of all numbers in rows, in their order.
pub fn names(rows: &[Row]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, value) in rows.iter().flatten() {
        if value.is_number() && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// HR@10 and NDCG@10, or the same at the largest cutoff that the rows have.
fn metrics_of(rows: &[Row]) -> Vec<String> {
    let known = names(rows);
    if METRICS.iter().all(|metric| known.iter().any(|name| name == metric)) {
        return METRICS.map(str::to_owned).to_vec();
    }
    let cutoff = |name: &String| name.split_once('@').and_then(|(_, cutoff)| cutoff.parse::<u64>().ok());
    let kinds = METRICS.iter().filter_map(|metric| metric.split_once('@')).map(|(kind, _)| kind);
    let largest =
        |kind: &str| known.iter().filter(|name| name.starts_with(&format!("{kind}@"))).max_by_key(|name| cutoff(name));
    kinds.filter_map(largest).cloned().collect()
}

/// The rows that were measured in the preferred way.
fn preferred(rows: &[Row]) -> Vec<&Row> {
    let mut chosen: Vec<&Row> = rows.iter().collect();
    for (column, wanted) in PREFERRED {
        let kept = if chosen.iter().any(|row| text(row, column) == Some(wanted)) {
            Some(wanted.to_owned())
        } else {
            chosen.iter().find_map(|row| text(row, column)).map(str::to_owned)
        };
        chosen.retain(|row| kept.is_none() || text(row, column) == kept.as_deref());
    }
    chosen
}

fn common(rows: &[&Row]) -> Vec<String> {
    let value = |column: &str| {
        let first = text(rows.first()?, column)?;
        rows.iter().all(|row| text(row, column) == Some(first)).then(|| format!("{column} {first}"))
    };
    PREFERRED.iter().filter_map(|(column, _)| value(column)).collect()
}

fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_str)
}

fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column).and_then(Value::as_f64)
}

fn order(one: &f64, other: &f64) -> Ordering {
    one.total_cmp(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(values: &[Value]) -> Vec<Row> {
        values.iter().filter_map(|value| value.as_object().cloned()).collect()
    }

    fn measured(model: &str, seen: &str, hits: &str, value: f64) -> Value {
        json!({ "model": model, "seen": seen, "hits": hits, "users": 9, "HR@10": value, "NDCG@10": value / 2.0, "MRR": 0.1 })
    }

    #[test]
    fn a_line_a_model_with_the_best_marked() {
        let rows = rows(&[
            measured("pipe", "kept", "item", 0.9),
            measured("pipe", "excluded", "item", 0.2),
            measured("pipe", "excluded", "code", 0.8),
            measured("knn", "excluded", "item", 0.4),
        ]);
        let summary = Summary::of(&rows).unwrap();
        assert_eq!(summary.metrics, ["HR@10", "NDCG@10"]);
        assert_eq!(summary.common, ["seen excluded", "hits item"]);
        assert_eq!((summary.users, summary.left_out), (Some(9), 2));
        let shown: Vec<_> = summary.lines.iter().map(|line| (line.model.as_str(), line.values[0])).collect();
        assert_eq!(shown, [("pipe", Some((0.2, false))), ("knn", Some((0.4, true)))]);
        assert_eq!(best(&rows, "HR@10"), Some(("knn".to_owned(), 0.4)));
        assert_eq!(best(&rows, "HR@5"), None);
    }

    #[test]
    fn other_cutoffs_and_columns_are_taken_as_they_are() {
        let other = rows(&[json!({ "model": "a", "seen": "kept", "HR@1": 0.1, "HR@5": 0.2, "NDCG@5": 0.1 })]);
        let summary = Summary::of(&other).unwrap();
        assert_eq!(summary.metrics, ["HR@5", "NDCG@5"]);
        assert_eq!(summary.common, ["seen kept"]);
        assert!(Summary::of(&rows(&[json!({ "model": "a", "loss": 0.1 })])).is_none());
        assert!(Summary::of(&rows(&[json!({ "HR@10": 0.1 })])).is_none());
        assert!(Summary::of(&[]).is_none());
    }
}
