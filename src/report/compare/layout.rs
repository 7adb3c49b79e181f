//! A comparison as cells of text, which the writers for people set in their own ways.

use crate::report::compare::line::{Cell, Line};
use crate::report::compare::table::Comparison;

/// One cell.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What is in it.
    pub(super) text: String,
    /// Whether it is the best of its column.
    pub(super) best: bool,
    /// `†` or `‡` where it differs from the reference.
    pub(super) mark: &'static str,
}

/// The table and its notes.
#[derive(Debug)]
pub(super) struct Layout {
    /// The names of the columns.
    pub(super) head: Vec<String>,
    /// How many columns at the beginning are texts.
    pub(super) texts: usize,
    /// The rows; those from `baselines` on are the same for every subject.
    pub(super) rows: Vec<Vec<Entry>>,
    /// Where the baselines begin.
    pub(super) baselines: usize,
    /// The notes below the table.
    pub(super) notes: Vec<String>,
}

impl Layout {
    /// Sets a comparison.
    pub(super) fn of(comparison: &Comparison) -> Self {
        let (varying, alike) = identities(comparison);
        let has_subjects = comparison.lines.iter().any(|line| !line.subject.is_empty());
        let has_seeds = comparison.all().any(|line| line.seeds > 1);
        let mut head: Vec<String> = if has_subjects { vec!["point".to_owned()] } else { Vec::new() };
        head.extend(varying.iter().cloned());
        let texts = head.len();
        head.extend(has_seeds.then(|| "n".to_owned()));
        for column in &comparison.columns {
            head.push(column.clone());
            if has_paper(comparison, column) {
                head.push(format!("paper {column}"));
            }
        }
        let row = |line: &Line| {
            let mut row = Vec::new();
            if has_subjects {
                row.push(plain(if line.subject.is_empty() { "(every one)" } else { &line.subject }));
            }
            row.extend(varying.iter().map(|name| plain(text_of(line, name))));
            row.extend(has_seeds.then(|| plain(&line.seeds.to_string())));
            for column in &comparison.columns {
                let cell = line.cells.get(column);
                row.push(cell.map(|cell| entry(cell, is_whole(comparison, column))).unwrap_or_default());
                if has_paper(comparison, column) {
                    let paper = cell.and_then(|cell| cell.paper);
                    row.push(plain(
                        &paper.map(|value| number(value, is_whole(comparison, column))).unwrap_or_default(),
                    ));
                }
            }
            row
        };
        let rows = comparison.all().map(row).collect();
        Self { head, texts, rows, baselines: comparison.lines.len(), notes: notes(comparison, &alike) }
    }
}

/// A number with four places, or none in a column of whole numbers.
fn number(value: f64, is_whole: bool) -> String {
    if is_whole { format!("{value:.0}") } else { format!("{value:.4}") }
}

/// Whether a column counts something; a rate may be whole here and there too.
fn is_whole(comparison: &Comparison, column: &str) -> bool {
    let values = || {
        comparison.all().filter_map(|line| line.cells.get(column)).flat_map(|cell| [cell.mean, cell.paper]).flatten()
    };
    values().all(|value| value.fract() == 0.0) && values().any(|value| value > 1.0)
}

fn plain(text: &str) -> Entry {
    Entry { text: text.to_owned(), ..Entry::default() }
}

fn entry(cell: &Cell, is_whole: bool) -> Entry {
    let mut text = cell.mean.map(|mean| number(mean, is_whole)).unwrap_or_default();
    if let Some(std) = cell.std {
        text += &format!(" ± {std:.4}");
    }
    let mark = match cell.significance.as_ref().map(|found| found.adjusted) {
        Some(p) if p < 0.01 => "‡",
        Some(p) if p < 0.05 => "†",
        _ => "",
    };
    Entry { text, best: cell.best, mark }
}

fn text_of<'a>(line: &'a Line, column: &str) -> &'a str {
    line.identity.iter().find(|(name, _)| name == column).map_or("", |(_, text)| text)
}

fn has_paper(comparison: &Comparison, column: &str) -> bool {
    comparison.all().any(|line| line.cells.get(column).is_some_and(|cell| cell.paper.is_some()))
}

/// The columns of identity that differ between lines, and those with one text in all of them.
fn identities(comparison: &Comparison) -> (Vec<String>, Vec<(String, String)>) {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in comparison.all().flat_map(|line| &line.identity) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let first = comparison.all().next();
    let is_alike = |name: &String| {
        first.is_some_and(|first| comparison.all().all(|line| text_of(line, name) == text_of(first, name)))
    };
    let (alike, varying): (Vec<String>, Vec<String>) = names.into_iter().partition(is_alike);
    let value_in_first = |name: String| first.map(|first| (name.clone(), text_of(first, &name).to_owned()));
    (varying, alike.into_iter().filter_map(value_in_first).collect())
}

fn notes(comparison: &Comparison, alike: &[(String, String)]) -> Vec<String> {
    let mut notes = Vec::new();
    if !alike.is_empty() {
        let texts: Vec<String> = alike.iter().map(|(name, text)| format!("{name} {text}")).collect();
        notes.push(format!("All rows: {}.", texts.join(", ")));
    }
    if comparison.all().any(|line| line.seeds > 1) {
        notes.push("Mean ± standard deviation over n runs.".to_owned());
    }
    let tested: Vec<_> =
        comparison.all().flat_map(|line| line.cells.values().filter_map(|cell| cell.significance.as_ref())).collect();
    if let Some(users) = tested.iter().map(|found| found.users).max() {
        notes.push(format!(
            "† p < 0.05, ‡ p < 0.01 against {}: paired over up to {users} users, after Holm's correction.",
            comparison.reference
        ));
    }
    if let Some(paper) = &comparison.paper {
        let text = if paper.text { "with text" } else { "without text" };
        notes.push(format!("paper: {}: {}, {}, {text}.", paper.title, paper.data, paper.model));
        let differs = if comparison.differs.is_empty() {
            "The pipeline does not say what differs here; [compare] differs would.".to_owned()
        } else {
            format!("Different here: {}.", comparison.differs.join("; "))
        };
        notes.push(differs);
    }
    notes
}
