//! From subjects to the lines of a comparison.

use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::report::compare::gather::{Measured, Subject};
use crate::report::compare::line::{Cell, Line};
use crate::report::compare::paper::PaperTable;
use crate::report::compare::reference::Reference;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What is wanted of a comparison.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The metrics; all that vary when empty.
    pub metrics: Vec<String>,
    /// Which rows: a column and its text.
    pub rows: Vec<(String, String)>,
    /// The subject or model that the others are compared with; the first subject when not given.
    pub reference: Option<String>,
    /// The columns of numbers beside the metrics.
    pub numbers: Vec<String>,
}

/// Results side by side.
#[derive(Debug)]
pub struct Comparison {
    /// The columns of numbers, then those of metrics.
    pub columns: Vec<String>,
    /// How many of the columns are numbers.
    pub numbers: usize,
    /// The lines that vary over the subjects.
    pub lines: Vec<Line>,
    /// The lines that are the same for every subject.
    pub baselines: Vec<Line>,
    /// What the others are compared with.
    pub reference: Reference,
    /// The table of the paper that is shown beside it.
    pub paper: Option<PaperTable>,
    /// What differs from the paper.
    pub differs: Vec<String>,
}

impl Comparison {
    /// Joins subjects into lines.
    ///
    /// # Errors
    /// When nothing is left to show, or the reference or a metric is not there; what there is, is named.
    pub fn of(subjects: &[Subject], wanted: &Wanted) -> Result<Self> {
        let mut lines = lines(subjects, wanted);
        if lines.is_empty() {
            refuse_conditions(subjects, &wanted.rows)?;
            return Err(Error::NoResults("there are no metrics to compare; `pipe run` makes them".to_owned()));
        }
        let metrics = metrics(&lines, subjects, wanted)?;
        let columns: Vec<String> = wanted.numbers.iter().chain(&metrics).cloned().collect();
        for line in &mut lines {
            line.cells.retain(|name, _| columns.contains(name));
        }
        let reference = Reference::find(&lines, wanted.reference.as_deref())?;
        let (lines, mut baselines) = split(&lines, subjects, &metrics);
        for baseline in &mut baselines {
            // A number is one subject's, and a baseline is of all of them.
            baseline.cells.retain(|name, _| metrics.contains(name));
        }
        let numbers = wanted.numbers.len();
        let mut comparison = Self { columns, numbers, lines, baselines, reference, paper: None, differs: Vec::new() };
        comparison.mark(&metrics);
        Ok(comparison)
    }

    /// Puts a table of the paper beside it.
    pub fn beside(&mut self, paper: PaperTable, differs: Vec<String>) {
        for line in self.lines.iter_mut().chain(&mut self.baselines) {
            let Some(row) = paper.row(&line.subject, &line.identity) else { continue };
            for column in &self.columns {
                if let Some(number) = row.numbers.get(column) {
                    line.cells.entry(column.clone()).or_insert_with(|| Cell::of(&[])).paper = Some(*number);
                }
            }
        }
        self.differs = differs;
        self.paper = Some(paper);
    }

    /// All lines, the baselines last.
    pub fn all(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().chain(&self.baselines)
    }

    /// The line at a place of [`Comparison::all`].
    pub(super) fn line_mut(&mut self, place: usize) -> Option<&mut Line> {
        self.lines.iter_mut().chain(&mut self.baselines).nth(place)
    }

    fn mark(&mut self, metrics: &[String]) {
        let all: Vec<Line> = self.all().cloned().collect();
        for line in self.lines.iter_mut().chain(&mut self.baselines) {
            let rivals: Vec<&Line> = all.iter().filter(|rival| rival.scope() == line.scope()).collect();
            for metric in metrics {
                let best = rivals.iter().filter_map(|rival| rival.cells.get(metric)?.mean).fold(f64::MIN, f64::max);
                if let Some(cell) = line.cells.get_mut(metric) {
                    cell.best = rivals.len() > 1 && cell.mean.is_some_and(|mean| mean >= best);
                }
            }
        }
    }
}

fn lines(subjects: &[Subject], wanted: &Wanted) -> Vec<Line> {
    type Gathered<'a> = (&'a Subject, &'a Measured, usize, BTreeMap<String, Vec<f64>>, Vec<PathBuf>);
    let mut gathered: Vec<Gathered<'_>> = Vec::new();
    for subject in subjects {
        let is_wanted = |row: &&Measured| {
            wanted
                .rows
                .iter()
                .all(|(column, text)| row.identity.iter().any(|(name, own)| name == column && own == text))
        };
        for row in subject.rows.iter().filter(is_wanted) {
            let same = |known: &Gathered<'_>| known.0.name == subject.name && known.1.identity == row.identity;
            let place = gathered.iter().position(same).unwrap_or_else(|| {
                gathered.push((subject, row, 0, BTreeMap::new(), Vec::new()));
                gathered.len() - 1
            });
            let (_, _, seeds, values, ranks) = &mut gathered[place];
            *seeds += 1;
            ranks.extend(row.ranks.clone());
            for (name, value) in row.numbers.iter().map(|(name, value)| (name, value)).chain(&subject.numbers) {
                values.entry(name.clone()).or_default().push(*value);
            }
        }
    }
    let line = |(subject, row, seeds, values, ranks): Gathered<'_>| Line {
        subject: subject.name.clone(),
        identity: row.identity.clone(),
        seeds,
        cells: values.into_iter().map(|(name, values)| (name, Cell::of(&values))).collect(),
        ranks,
    };
    gathered.into_iter().map(line).collect()
}

/// Says which condition no row meets, and what the rows have.
///
/// # Errors
/// [`Error::Usage`], when there are rows and a condition leaves none.
fn refuse_conditions(subjects: &[Subject], conditions: &[(String, String)]) -> Result<()> {
    let identities = || subjects.iter().flat_map(|subject| &subject.rows).flat_map(|row| &row.identity);
    let columns: BTreeSet<&str> = identities().map(|(column, _)| column.as_str()).collect();
    if columns.is_empty() {
        return Ok(());
    }
    for (column, text) in conditions {
        let values: BTreeSet<&str> =
            identities().filter(|(name, _)| name == column).map(|(_, value)| value.as_str()).collect();
        if values.is_empty() {
            let hint = Some(suggestion(column, columns.iter().copied(), "the columns are"));
            return Err(Error::Usage { message: format!("no row has a column '{column}'"), hint });
        }
        if !values.contains(text.as_str()) {
            let hint = Some(suggestion(text, values.iter().copied(), &format!("the rows have {column}")));
            return Err(Error::Usage { message: format!("no row has {column}={text}"), hint });
        }
    }
    let conditions: Vec<String> = conditions.iter().map(|(column, text)| format!("{column}={text}")).collect();
    let message = format!("no row meets all of {}", conditions.join(", "));
    Err(Error::Usage { message, hint: Some("leave one --where out".to_owned()) })
}

/// The metrics that are asked for, or else those that are not the same in every line, in the order of the rows.
fn metrics(lines: &[Line], subjects: &[Subject], wanted: &Wanted) -> Result<Vec<String>> {
    let mut known: Vec<&String> = Vec::new();
    for (name, _) in subjects.iter().flat_map(|subject| &subject.rows).flat_map(|row| &row.numbers) {
        if !known.contains(&name) && lines.iter().any(|line| line.cells.contains_key(name)) {
            known.push(name);
        }
    }
    for metric in &wanted.metrics {
        if !known.contains(&metric) {
            let names: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
            let hint = suggestion(metric, names.iter().copied(), "there is");
            return Err(Error::Usage { message: format!("there is no metric '{metric}'"), hint: Some(hint) });
        }
    }
    if !wanted.metrics.is_empty() {
        return Ok(wanted.metrics.clone());
    }
    let value = |line: &Line, name: &str| line.cells.get(name).and_then(|cell| cell.mean);
    let varies = |name: &&&String| lines.iter().any(|line| value(line, name) != value(&lines[0], name));
    let varying: Vec<String> = known.iter().filter(varies).map(|name| (*name).clone()).collect();
    Ok(if varying.is_empty() { known.into_iter().cloned().collect() } else { varying })
}

/// Takes out the lines that every subject has alike.
fn split(lines: &[Line], subjects: &[Subject], metrics: &[String]) -> (Vec<Line>, Vec<Line>) {
    let mut names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let values = |line: &Line| metrics.iter().map(|metric| line.cells.get(metric).cloned()).collect::<Vec<_>>();
    let is_baseline = |line: &Line| {
        let alike = lines.iter().filter(|other| other.identity == line.identity && values(other) == values(line));
        names.len() > 1 && alike.count() == names.len()
    };
    let baselines: Vec<Line> = lines.iter().filter(|line| is_baseline(line)).cloned().collect();
    let varying = lines.iter().filter(|line| !is_baseline(line)).cloned().collect();
    let mut shown: Vec<Line> = Vec::new();
    for baseline in baselines {
        if shown.iter().all(|line| line.identity != baseline.identity) {
            shown.push(Line { subject: String::new(), ..baseline });
        }
    }
    (varying, shown)
}
