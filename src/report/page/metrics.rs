//! What was measured: all subjects side by side, the intervals, a sweep's curve, and bars by length of the history.

use crate::report::compare::{Cell as Compared, Comparison, Line};
use crate::report::metrics::Row;
use crate::report::page::bars::{bar, interval};
use crate::report::page::pictures::Pictures;
use crate::report::page::tables::{Cell, metric, table};
use crate::report::page::views::Part;
use crate::report::summary;
use charts::{Axis, Chart};
use maud::{Markup, html};
use serde_json::Value;

/// The subjects and models side by side, with the paper's numbers where there are some.
pub(super) fn comparison(comparison: &Comparison, pictures: &mut Pictures) -> Markup {
    html! {
        section #metrics {
            h2 { "Metrics" }
            (lines(comparison))
            p.note {
                "The best of a column is bold. "
                @if comparison.all().any(has_test) {
                    "† p < 0.05, ‡ p < 0.01 against " (comparison.reference.name()) ", paired over users, after Holm's correction. "
                }
                @if comparison.all().any(|line| line.seeds > 1) { "Mean ± standard deviation over n runs. " }
                @if let Some(paper) = &comparison.paper {
                    "Paper: " (paper.title) ", " (paper.data) ", " (paper.model) ". "
                    @if !comparison.differs.is_empty() { "Different here: " (comparison.differs.join("; ")) "." }
                }
            }
            div.pictures { @for (svg, text) in curves(comparison) { (pictures.add(&svg, &text)) } }
        }
    }
}

fn has_test(line: &Line) -> bool {
    line.cells.values().any(|cell| cell.significance.is_some())
}

fn lines(comparison: &Comparison) -> Markup {
    let mut texts: Vec<&String> = Vec::new();
    for (name, _) in comparison.all().flat_map(|line| &line.identity) {
        if !texts.contains(&name) {
            texts.push(name);
        }
    }
    let has_seeds = comparison.all().any(|line| line.seeds > 1);
    let has_paper =
        |column: &String| comparison.all().any(|line| line.cells.get(column).is_some_and(|cell| cell.paper.is_some()));
    let is_several =
        comparison.all().any(|line| line.subject != comparison.lines.first().map_or("", |line| &line.subject));
    let columns = columns(comparison);
    let mut head: Vec<String> = is_several.then(|| "point".to_owned()).into_iter().collect();
    head.extend(texts.iter().map(ToString::to_string));
    head.extend(has_seeds.then(|| "n".to_owned()));
    for column in &columns {
        head.push(column.clone());
        head.extend(has_paper(column).then(|| format!("paper {column}")));
    }
    let row = |line: &Line| {
        let own = |name: &String| line.identity.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone());
        let subject = if line.subject.is_empty() { "every one" } else { &line.subject };
        let mut cells: Vec<Cell> = is_several.then(|| Cell::Text(subject.to_owned())).into_iter().collect();
        cells.extend(texts.iter().map(|name| own(name).map_or(Cell::Empty, Cell::Text)));
        cells.extend(has_seeds.then(|| Cell::Number(line.seeds.to_string(), line.seeds as f64)));
        for column in &columns {
            let cell = line.cells.get(column);
            cells.push(cell.map_or(Cell::Empty, compared));
            if has_paper(column) {
                cells.push(cell.and_then(|cell| cell.paper).map_or(Cell::Empty, metric));
            }
        }
        cells
    };
    table("What was measured at each point", &head, comparison.all().map(row).collect())
}

/// The columns, those first by which models are told apart at a glance.
fn columns(comparison: &Comparison) -> Vec<String> {
    let mut columns = comparison.columns.clone();
    columns[comparison.numbers..].sort_by_key(|column| !summary::METRICS.contains(&column.as_str()));
    columns
}

fn compared(cell: &Compared) -> Cell {
    let Some(mean) = cell.mean else { return Cell::Empty };
    let mark = match cell.significance.as_ref().map(|found| found.adjusted) {
        Some(p) if p < 0.01 => "‡",
        Some(p) if p < 0.05 => "†",
        _ => "",
    };
    let text = match cell.std {
        Some(std) => format!("{mean:.4} ± {std:.4}{mark}"),
        None => format!("{mean:.4}{mark}"),
    };
    let markup = if cell.best {
        html! { strong { (text) } }
    } else {
        html! { (text) }
    };
    Cell::Markup(markup, mean.to_string())
}

/// A picture for each metric of a sweep whose points are numbers of one axis, with the paper's curve.
fn curves(comparison: &Comparison) -> Vec<(String, String)> {
    let places: Vec<Option<(&str, f64)>> = comparison.lines.iter().map(|line| place_of(&line.subject)).collect();
    let Some(Some((axis, _))) = places.first() else { return Vec::new() };
    if places.iter().any(|place| place.is_none_or(|(target, _)| target != *axis)) {
        return Vec::new();
    }
    let metrics = comparison.columns[comparison.numbers..].iter();
    let picture = |metric: &String| {
        let mut drawn: Vec<charts::Line> = Vec::new();
        for (line, place) in comparison.lines.iter().zip(&places) {
            let (Some((_, across)), Some(cell)) = (place, line.cells.get(metric)) else { continue };
            let identity: Vec<&str> = line.identity.iter().map(|(_, text)| text.as_str()).collect();
            add(&mut drawn, &identity.join(", "), *across, cell.mean);
            add(&mut drawn, "paper", *across, cell.paper);
        }
        drawn.retain(|line| line.points.len() > 1);
        let up = drawn.iter().flat_map(|line| &line.points).map(|(_, up)| *up).fold(0.0, f64::max);
        let across: Vec<f64> = places.iter().flatten().map(|(_, across)| *across).collect();
        let (first, last) =
            (across.iter().copied().fold(f64::MAX, f64::min), across.iter().copied().fold(f64::MIN, f64::max));
        let chart = Chart {
            title: "The metric at each point of the sweep",
            across: Axis { name: "value of the axis", range: first..last },
            up: Axis { name: "metric", range: 0.0..up * 1.1 },
            lines: drawn,
        };
        // Without two points there is no curve; what cannot be drawn is in the table.
        let svg = chart.svg().ok().filter(|_| !chart.lines.is_empty() && first < last)?;
        Some((svg, format!("{metric} against {axis}")))
    };
    metrics.filter_map(picture).collect()
}

fn add(drawn: &mut Vec<charts::Line>, name: &str, across: f64, up: Option<f64>) {
    let Some(up) = up else { return };
    match drawn.iter_mut().find(|line| line.name == name) {
        Some(line) if line.points.iter().any(|(place, _)| *place == across) => {}
        Some(line) => line.points.push((across, up)),
        None => drawn.push(charts::Line { name: name.to_owned(), points: vec![(across, up)] }),
    }
}

/// The axis and the number of a point such as `codebook.levels=4`.
fn place_of(point: &str) -> Option<(&str, f64)> {
    let (target, value) = point.rsplit(' ').next()?.split_once('=')?;
    Some((target, value.parse().ok().filter(|value: &f64| value.is_finite())?))
}

/// The 95 % intervals of HR@10, NDCG@10 and MRR, drawn.
pub(super) fn intervals(part: &Part, place: usize) -> Markup {
    let shown = ["HR@10", "NDCG@10", "MRR"];
    let is_shown = |row: &&Row| row.get("metric").and_then(Value::as_str).is_some_and(|name| shown.contains(&name));
    let rows: Vec<&Row> = part.intervals.iter().filter(is_shown).collect();
    let number = |row: &Row, column: &str| row.get(column).and_then(Value::as_f64).unwrap_or(0.0);
    let largest = rows.iter().map(|row| number(row, "high")).fold(0.0, f64::max);
    let texts = ["point", "model", "seen", "hits", "metric"];
    let head: Vec<String> = texts.iter().copied().filter(|name| has(&rows, name)).map(str::to_owned).collect();
    let cells = rows.iter().map(|row| {
        let (value, low, high) = (number(row, "value"), number(row, "low"), number(row, "high"));
        let mut cells: Vec<Cell> = head.iter().map(|name| Cell::Text(text(row, name))).collect();
        cells.push(Cell::Markup(interval(value, low, high, largest), value.to_string()));
        cells
    });
    let rows: Vec<Vec<Cell>> = cells.collect();
    let head: Vec<String> = head.iter().cloned().chain(["95 % interval".to_owned()]).collect();
    html! {
        h3 id={ "intervals-" (place) } { "Intervals" }
        @if rows.is_empty() { p.note { "No intervals were measured." } }
        @else { (table("Metrics with their 95 % intervals, from resampled users", &head, rows)) }
    }
}

/// NDCG@10, or what is there of it, by length of the history.
pub(super) fn by_length(part: &Part, place: usize) -> Markup {
    let table = by_range(&part.by_length, "history", "Metrics by the number of items in the history");
    html! {
        h3 id={ "lengths-" (place) } { "By length of the history" }
        (table.unwrap_or_else(|| html! { p.note { "Nothing was measured by length." } }))
    }
}

/// The same by frequency of the test item, where that was measured.
pub(super) fn by_item(part: &Part, place: usize) -> Markup {
    let table =
        by_range(&part.by_item, "interactions", "Metrics by the number of training interactions of the test item");
    html! {
        @if let Some(table) = table {
            h3 id={ "items-" (place) } { "By frequency of the test item" }
            (table)
        }
    }
}

/// A table of rows that are each of a range; `None` where there is nothing to show.
fn by_range(of: &[Row], range_name: &str, caption: &str) -> Option<Markup> {
    let rows: Vec<&Row> = of.iter().collect();
    let shown: Vec<String> =
        summary::names(of).into_iter().filter(|name| summary::METRICS.contains(&name.as_str())).collect();
    let number = |row: &Row, column: &str| row.get(column).and_then(Value::as_f64);
    let largest = |column: &String| rows.iter().filter_map(|row| number(row, column)).fold(0.0, f64::max);
    let texts: Vec<&str> = ["point", "model", "seen", "hits"].into_iter().filter(|name| has(&rows, name)).collect();
    let mut head: Vec<String> = texts.iter().map(ToString::to_string).collect();
    head.extend([range_name.to_owned(), "users".to_owned()]);
    head.extend(shown.iter().cloned());
    let cells = |row: &&Row| {
        let mut cells: Vec<Cell> = texts.iter().map(|name| Cell::Text(text(row, name))).collect();
        let (from, below) = (number(row, "at_least").unwrap_or(0.0), number(row, "below"));
        let range =
            below.map_or_else(|| format!("{from:.0} and more"), |below| format!("{from:.0} to {:.0}", below - 1.0));
        cells.push(Cell::Number(range, from));
        let users = number(row, "users").unwrap_or(0.0);
        cells.push(Cell::Number(format!("{users:.0}"), users));
        for column in &shown {
            let value = number(row, column);
            cells.push(value.map_or(Cell::Empty, |value| Cell::Markup(bar(value, largest(column)), value.to_string())));
        }
        cells
    };
    let is_shown = !rows.is_empty() && !shown.is_empty();
    is_shown.then(|| table(caption, &head, rows.iter().map(cells).collect()))
}

/// Whether any row has a string in a column.
fn has(rows: &[&Row], column: &str) -> bool {
    rows.iter().any(|row| !text(row, column).is_empty())
}

fn text(row: &Row, column: &str) -> String {
    row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_one_number_has_a_place_on_its_axis() {
        assert_eq!(place_of("codebook.levels=4"), Some(("codebook.levels", 4.0)));
        assert_eq!(place_of("toys codebook.levels=4"), Some(("codebook.levels", 4.0)));
        assert_eq!(place_of("two"), None);
        assert_eq!(place_of("a.b=x"), None);
    }
}
