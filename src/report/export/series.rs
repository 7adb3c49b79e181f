//! What a run measured, as named series of numbers: one number for each metric of a model, and the curves of trainings.

use crate::error::Result;
use crate::report::{metrics, summary};
use crate::store::{Action, RunRecord, Store};
use fs_err as fs;
use serde_json::{Map, Value};
use std::path::Path;

/// The file of a report that may have curves.
const REPORT: &str = "report.json";

/// Numbers of one name, each at a step.
#[derive(Debug, PartialEq)]
pub(super) struct Series {
    /// Such as `HR@10 pipe kept item`, or `finetune/curve.loss`.
    pub(super) name: String,
    /// Steps and numbers, in order.
    pub(super) points: Vec<(i64, f64)>,
}

/// All series of a run, as far as its results are still there, in the order of its stages.
///
/// # Errors
/// When a table of metrics cannot be read.
pub(super) fn of_run(store: &Store, record: &RunRecord) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for stage in record.stages.iter().filter(|stage| stage.status.has_result()) {
        let Some(action) = stage.key.and_then(|key| store.action(key)) else { continue };
        all.extend(metrics_of(store, &action, stage.stage.point())?);
        for artifact in action.outputs.values() {
            let report = store.artifact(&artifact.digest).join(REPORT);
            let lists = if report.is_file() { curves(&report) } else { Vec::new() };
            let named = |Series { name, points }| Series { name: format!("{}/{name}", stage.stage), points };
            all.extend(lists.into_iter().map(named));
        }
    }
    Ok(all)
}

fn metrics_of(store: &Store, action: &Action, point: &str) -> Result<Vec<Series>> {
    let main = format!("{}.json", metrics::MAIN);
    let tables =
        action.outputs.values().filter(|artifact| artifact.files.iter().any(|file| file.path.as_str() == main));
    let mut all = Vec::new();
    for artifact in tables {
        for row in metrics::rows(&store.artifact(&artifact.digest), metrics::MAIN)? {
            let texts = row.values().filter_map(Value::as_str);
            let of: Vec<&str> = Some(point).filter(|point| !point.is_empty()).into_iter().chain(texts).collect();
            for metric in summary::names(std::slice::from_ref(&row)) {
                let Some(value) = row.get(&metric).and_then(Value::as_f64) else { continue };
                all.push(Series { name: format!("{metric} {}", of.join(" ")), points: vec![(0, value)] });
            }
        }
    }
    Ok(all)
}

/// The curves in a report: lists of objects that say their step or epoch.
fn curves(path: &Path) -> Vec<Series> {
    let report = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    report.iter().flatten().flat_map(|(list, value)| curve(list, value)).collect()
}

fn curve(list: &str, value: &Value) -> Vec<Series> {
    let rows: Vec<&Map<String, Value>> = value.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    let Some(axis) = ["step", "epoch"].into_iter().find(|axis| rows.first().is_some_and(|row| row.contains_key(*axis)))
    else {
        return Vec::new();
    };
    let Some(first) = rows.first() else { return Vec::new() };
    let fields = first.iter().filter(|(field, value)| *field != axis && value.is_number());
    let point = |row: &Map<String, Value>, field: &str| Some((row.get(axis)?.as_i64()?, row.get(field)?.as_f64()?));
    fields
        .map(|(field, _)| Series {
            name: format!("{list}.{field}"),
            points: rows.iter().filter_map(|row| point(row, field)).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_with_steps_are_curves_and_others_are_not() {
        let value = json!([{ "step": 6, "loss": 7.0, "name": "a" }, { "step": 12, "loss": 6.5 }, { "step": 18 }]);
        let loss = Series { name: "curve.loss".to_owned(), points: vec![(6, 7.0), (12, 6.5)] };
        assert_eq!(curve("curve", &value), [loss]);
        assert_eq!(curve("tried", &json!([{ "smoothing": 1.0 }])), []);
        assert_eq!(curve("codes", &json!([1, 2])), []);
    }
}
