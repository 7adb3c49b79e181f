//! The sections of one pipeline or run: graph, stages, reports, and where every result comes from.

use crate::report::page::pictures::Pictures;
use crate::report::page::tables::{Cell, table};
use crate::report::page::views::{Part, ReportView, ResultView, StageView};
use crate::terminal::{duration, size};
use maud::{Markup, html};
use serde_json::Value;

/// The sections that a part has, by the beginning of their anchors.
pub(super) const SECTIONS: [(&str, &str); 6] = [
    ("graph", "Graph"),
    ("intervals", "Intervals"),
    ("lengths", "By length"),
    ("stages", "Stages"),
    ("reports", "Reports"),
    ("provenance", "Parameters and digests"),
];

/// How many values of a list are shown.
const VALUES: usize = 12;

/// How many rows of a report are shown.
const ROWS: usize = 120;

/// The picture of the graph.
pub(super) fn graph(part: &Part, place: usize, pictures: &mut Pictures) -> Markup {
    let text = format!("The stages of {} and what goes from one to another", part.name);
    html! {
        h3 id={ "graph-" (place) } { "Graph" }
        @match &part.graph {
            Some(svg) => div.graph {
                label.size { input type="checkbox"; " actual size" }
                (pictures.add(svg, &text))
            },
            None => p.note { "There is no picture of this graph." },
        }
    }
}

/// What became of each stage, and what it took.
pub(super) fn stages(part: &Part, place: usize) -> Markup {
    let head = ["stage", "uses", "state", "time", "memory", "threads", "device", "reason"].map(str::to_owned);
    let row = |stage: &StageView| {
        let result = stage.result.as_ref();
        let state = stage.state.as_str();
        let number =
            |value: Option<(String, f64)>| value.map_or(Cell::Empty, |(text, value)| Cell::Number(text, value));
        vec![
            Cell::Text(stage.name.clone()),
            Cell::Text(stage.uses.clone()),
            Cell::Markup(html! { span class={ "state " (state) } { (state) } }, state.to_owned()),
            number(result.map(|result| (duration(result.seconds), result.seconds))),
            number(result.and_then(|result| result.memory).map(|bytes| (size(bytes), bytes as f64))),
            number(result.map(|result| (result.threads.to_string(), result.threads as f64))),
            result.map_or(Cell::Empty, |result| Cell::Text(result.device.clone())),
            Cell::Text(stage.reason.clone()),
        ]
    };
    html! {
        h3 id={ "stages-" (place) } { "Stages" }
        (table("Each stage with its state and what its result took", &head, part.stages.iter().map(row).collect()))
    }
}

/// What stages report: their numbers in a table, their pictures.
pub(super) fn reports(part: &Part, place: usize, pictures: &mut Pictures) -> Markup {
    let found: Vec<(&StageView, &ReportView)> =
        part.stages.iter().flat_map(|stage| stage.reports.iter().map(move |report| (stage, report))).collect();
    let sections: Vec<Markup> = found.iter().map(|(stage, report)| one_report(stage, report, pictures)).collect();
    html! {
        h3 id={ "reports-" (place) } { "Reports" }
        @if sections.is_empty() { p.note { "No stage wrote a report." } }
        @for section in &sections { (section) }
    }
}

fn one_report(stage: &StageView, report: &ReportView, pictures: &mut Pictures) -> Markup {
    let drawn: Vec<Markup> = report
        .pictures
        .iter()
        .map(|(name, svg)| {
            let subject = name.trim_end_matches(".svg").replace(['_', '-'], " ");
            pictures.add(svg, &format!("{}: {subject}", stage.name))
        })
        .collect();
    html! {
        h4 { (stage.name) ": " (report.output) }
        div.pictures { @for picture in &drawn { (picture) } }
        @for (name, value) in &report.values {
            @let rows = flat(value);
            @let more = rows.len().saturating_sub(ROWS);
            details open[rows.len() <= 24] {
                summary { (name) ", " (rows.len()) " values" }
                (table(&format!("{} of {}", name, stage.name), &["name".to_owned(), "value".to_owned()], set(rows)))
                @if more > 0 { p.note { "and " (more) " more" } }
            }
        }
    }
}

fn set(rows: Vec<(String, String)>) -> Vec<Vec<Cell>> {
    rows.into_iter().take(ROWS).map(|(name, text)| vec![Cell::Text(name), Cell::Text(text)]).collect()
}

/// The values of a report by their names, with dots where one is within another.
fn flat(value: &Value) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    add(String::new(), value, &mut rows);
    rows
}

fn add(name: String, value: &Value, rows: &mut Vec<(String, String)>) {
    let within = |inner: &str| if name.is_empty() { inner.to_owned() } else { format!("{name}.{inner}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| add(within(field), value, rows)),
        Value::Array(values) if values.iter().all(|value| !value.is_object() && !value.is_array()) => {
            let shown: Vec<String> = values.iter().take(VALUES).map(scalar).collect();
            let more = if values.len() > VALUES { format!(", … ({} values)", values.len()) } else { String::new() };
            rows.push((name, format!("{}{more}", shown.join(", "))));
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(place, value)| add(within(&place.to_string()), value, rows));
        }
        other => rows.push((name, scalar(other))),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            // Small numbers would all be 0 with four places.
            if number == 0.0 || (1e-3..1e6).contains(&number.abs()) {
                format!("{number:.4}")
            } else {
                format!("{number:.3e}")
            }
        }
        other => other.to_string(),
    }
}

/// Parameters, seeds, digests and machines of all results.
pub(super) fn provenance(part: &Part, place: usize) -> Markup {
    html! {
        h3 id={ "provenance-" (place) } { "Parameters and digests" }
        @for stage in &part.stages {
            @if let Some(result) = &stage.result {
                details {
                    summary { (stage.name) " " code { (result.key.0.short()) } }
                    (identity(stage, result))
                }
            }
        }
    }
}

fn identity(stage: &StageView, result: &ResultView) -> Markup {
    let parameters = result.parameters.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![Cell::Text(name.clone()), Cell::Text(text)]
    });
    let digests = result.inputs.iter().map(|(name, digest)| (format!("input {name}"), digest, None));
    let outputs = result.outputs.iter().map(|(name, digest, bytes)| (format!("output {name}"), digest, Some(*bytes)));
    let digests = digests.chain(outputs).map(|(name, digest, bytes)| {
        let bytes = bytes.map_or(Cell::Empty, |bytes| Cell::Number(size(bytes), bytes as f64));
        vec![Cell::Text(name), Cell::Markup(html! { code { (digest.to_string()) } }, digest.to_string()), bytes]
    });
    let hardware = result.hardware.as_ref().map_or_else(|| "not recorded".to_owned(), ToString::to_string);
    html! {
        dl.details {
            div { dt { "key" } dd { code { (result.key.to_string()) } } }
            div { dt { "code" } dd { code { (result.code) } } }
            @if let Some(seed) = result.seed { div { dt { "seed" } dd { (seed) } } }
            div { dt { "began" } dd { (result.started) } }
            div { dt { "machine" } dd { (result.host) ", " (hardware) } }
        }
        @if !result.parameters.is_empty() {
            (table(&format!("Parameters of {}", stage.name), &["parameter".to_owned(), "value".to_owned()], parameters.collect()))
        }
        (table(&format!("Inputs and outputs of {}", stage.name), &["name", "digest", "size"].map(str::to_owned), digests.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_a_list_of_names_and_values() {
        let value = json!({ "rows": { "read": 10, "kept": 0.5 }, "losses": [1.0, 2.0], "levels": [{ "codes": 3 }], "none": null });
        let found = flat(&value);
        let expected = [
            ("rows.read", "10"),
            ("rows.kept", "0.5000"),
            ("losses", "1.0000, 2.0000"),
            ("levels.0.codes", "3"),
            ("none", "none"),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        assert_eq!(scalar(&json!(1e-7)), "1.000e-7");
    }
}
