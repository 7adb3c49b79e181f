//! The metrics in an artifact: what is compared where digests cannot be, on another class of hardware.

use crate::error::{Error, Result};
use fs_err as fs;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

/// Metrics by name, such as `pipe.excluded.item.HR@10`: the texts of a row, then the column.
pub type Metrics = BTreeMap<String, Metric>;

/// A metric, with the interval that it may be expected in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The value.
    pub value: f64,
    /// The interval's ends, where the metrics have one.
    pub interval: Option<[f64; 2]>,
}

impl Metric {
    /// Reads a value, or a value and the ends of its interval.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let numbers: Option<Vec<f64>> = text.split(' ').map(|number| number.parse().ok()).collect();
        match numbers?[..] {
            [value] => Some(Self { value, interval: None }),
            [value, low, high] => Some(Self { value, interval: Some([low, high]) }),
            _ => None,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value)?;
        self.interval.map_or(Ok(()), |[low, high]| write!(f, " {low} {high}"))
    }
}

/// The metrics of the artifact in that folder: the numbers of `metrics.json`, and the intervals of `intervals.json` where
/// there is one. Any other form has none.
///
/// # Errors
/// When a file is there and cannot be read.
pub fn metrics_of(folder: &Path) -> Result<Metrics> {
    let mut metrics = Metrics::new();
    for row in rows(&folder.join("metrics.json"))? {
        let name = name_of(&row, None);
        for (column, value) in numbers(&row) {
            metrics.insert(joined(&name, column), Metric { value, interval: None });
        }
    }
    for row in rows(&folder.join("intervals.json"))? {
        let Some(metric) = row.get(METRIC).and_then(Value::as_str) else { continue };
        let ends: BTreeMap<&str, f64> = numbers(&row).collect();
        if let (Some(low), Some(high)) = (ends.get("low"), ends.get("high"))
            && let Some(metric) = metrics.get_mut(&joined(&name_of(&row, Some(METRIC)), metric))
        {
            metric.interval = Some([*low, *high]);
        }
    }
    Ok(metrics)
}

/// The column of a row of intervals that names the metric.
const METRIC: &str = "metric";

fn rows(path: &Path) -> Result<Vec<Map<String, Value>>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("reading", path, error)),
    };
    let values: Vec<Value> = serde_json::from_slice(&bytes).unwrap_or_default();
    let rows = values.into_iter().filter_map(|value| if let Value::Object(row) = value { Some(row) } else { None });
    Ok(rows.collect())
}

fn name_of(row: &Map<String, Value>, without: Option<&str>) -> String {
    let texts =
        row.iter().filter(|(column, _)| Some(column.as_str()) != without).filter_map(|(_, value)| value.as_str());
    texts.collect::<Vec<_>>().join(".")
}

fn numbers(row: &Map<String, Value>) -> impl Iterator<Item = (&str, f64)> {
    row.iter().filter_map(|(column, value)| Some((column.as_str(), value.as_f64()?)))
}

fn joined(name: &str, column: &str) -> String {
    if name.is_empty() { column.to_owned() } else { format!("{name}.{column}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_named_by_their_row_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(metrics_of(folder.path()).unwrap(), Metrics::new());
        write("metrics.json", r#"[{ "model": "pipe", "seen": "kept", "users": 9, "HR@10": 0.4092 }]"#);
        write(
            "intervals.json",
            r#"[{ "model": "pipe", "seen": "kept", "metric": "HR@10", "value": 0.4092, "low": 0.38, "high": 0.43 }]"#,
        );
        let text: Vec<String> =
            metrics_of(folder.path()).unwrap().iter().map(|(name, metric)| format!("{name} {metric}")).collect();
        assert_eq!(text, ["pipe.kept.HR@10 0.4092 0.38 0.43", "pipe.kept.users 9"]);
    }

    #[test]
    fn a_figure_reads_back_as_it_was() {
        for metric in [Metric { value: 0.1, interval: None }, Metric { value: 1.0, interval: Some([1e-9, 2.5]) }] {
            assert_eq!(Metric::parse(&metric.to_string()).unwrap(), metric);
        }
        assert_eq!(Metric::parse("1 2"), None);
    }
}
