//! The report as a page.

use crate::report::Report;
use crate::report::histogram::Bar;
use contract::{Failure, Result};
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = "body{font:15px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
    table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}\
    td.number{text-align:right;font-variant-numeric:tabular-nums}.bar{background:#0072b2;height:.8rem}\
    .warning{background:#fff3cd;padding:.5rem 1rem;margin:.5rem 0}";

impl Report {
    /// The report as a page that needs no other file.
    pub(super) fn html(&self) -> Result<String> {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>ingest</title><style>{STYLE}</style>\n\
             <h1>What was read</h1>\n"
        );
        for warning in self.warnings() {
            page += &format!("<p class=\"warning\">{}</p>\n", escaped(warning));
        }
        page += "<h2>Result</h2>\n";
        page += &numbers(&self.result)?;
        page += "<h2>Rows read, kept and dropped</h2>\n";
        page += &numbers(&self.source)?;
        if let Some(leakage) = &self.leakage {
            page += "<h2>What could tell of the test item</h2>\n";
            page += &numbers(leakage)?;
        }
        page += "<h2>Users by number of interactions</h2>\n";
        page += &bars(&self.lengths);
        page += "<h2>Items by number of interactions</h2>\n";
        page += &bars(&self.popularity);
        page += "<h2>Most frequent items</h2>\n<table><tr><th>item<th>title<th>interactions\n";
        for item in &self.most_frequent_items {
            let (id, title) = (escaped(&item.item), escaped(&item.title));
            let _ = writeln!(page, "<tr><td>{id}<td>{title}<td class=\"number\">{}", item.interactions);
        }
        page += "</table>\n</html>\n";
        Ok(page)
    }
}

/// A table of all numbers and words of a value, by their names.
fn numbers(value: &impl serde::Serialize) -> Result<String> {
    let value = serde_json::to_value(value).map_err(|error| Failure::other("write the report", error))?;
    let mut table = "<table>\n".to_owned();
    rows("", &value, &mut table);
    Ok(table + "</table>\n")
}

fn rows(name: &str, value: &Value, table: &mut String) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}: {field}") };
                rows(&name, value, table);
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| rows(name, entry, table)),
        Value::Null => {}
        Value::Number(number) => {
            let _ = writeln!(table, "<tr><td>{}<td class=\"number\">{number}", escaped(&name.replace('_', " ")));
        }
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            let _ = writeln!(table, "<tr><td>{}<td>{}", escaped(&name.replace('_', " ")), escaped(&text));
        }
    }
}

fn bars(bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1);
    let mut table = "<table>\n".to_owned();
    for Bar { from, to, count } in bars {
        let range = if from == to { from.to_string() } else { format!("{from} to {to}") };
        let width = 100 * count / most;
        let _ = writeln!(
            table,
            "<tr><td>{range}<td class=\"number\">{count}<td style=\"width:24rem\"><div class=\"bar\" style=\"width:{width}%\"></div>"
        );
    }
    table + "</table>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
