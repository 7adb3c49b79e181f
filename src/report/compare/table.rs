//! From subjects to the lines of a comparison.

use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::report::compare::gather::{Measured, Subject};
use crate::report::compare::paper::PaperTable;
use crate::report::compare::statistics::{deviation, mean};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The column of metrics that says what was measured; the best is sought among lines that are alike but for it.
const MODEL: &str = "model";

/// What is wanted of a comparison.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The metrics; all that vary when empty.
    pub metrics: Vec<String>,
    /// Which rows: a column and its text.
    pub rows: Vec<(String, String)>,
    /// The subject that the others are held against; the first when not given.
    pub baseline: Option<String>,
    /// The columns of figures beside the metrics.
    pub figures: Vec<String>,
}

/// Results side by side.
#[derive(Debug)]
pub struct Comparison {
    /// The columns of figures, then those of metrics.
    pub columns: Vec<String>,
    /// How many of the columns are figures.
    pub figures: usize,
    /// The lines that vary over the subjects.
    pub lines: Vec<Line>,
    /// The lines that are the same for every subject.
    pub floors: Vec<Line>,
    /// What the others are held against.
    pub baseline: String,
    /// The table of the paper that stands beside it.
    pub paper: Option<PaperTable>,
    /// What differs from the paper.
    pub differs: Vec<String>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The subject; empty for one that is the same for all.
    pub subject: String,
    /// What was measured.
    pub identity: Vec<(String, String)>,
    /// Over how many seeds.
    pub seeds: usize,
    /// The figures by column.
    pub cells: BTreeMap<String, Cell>,
    /// The ranks that the figures come from, one for each seed.
    pub ranks: Vec<PathBuf>,
}

/// One figure of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The mean over the seeds; nothing where only the paper has a figure.
    pub mean: Option<f64>,
    /// The standard deviation over the seeds, of two or more.
    pub deviation: Option<f64>,
    /// Whether it is the best of its column.
    pub best: bool,
    /// How it stands to the baseline.
    pub significance: Option<Significance>,
    /// What the paper has.
    pub paper: Option<f64>,
}

/// The difference to the baseline, paired over the users that both have.
#[derive(Clone, Debug, PartialEq)]
pub struct Significance {
    /// How many users.
    pub users: u64,
    /// The difference, and its 95 % interval.
    pub difference: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The p-value.
    pub p: f64,
    /// The same after Holm's correction over the subjects.
    pub adjusted: f64,
}

impl Comparison {
    /// Joins subjects into lines.
    ///
    /// # Errors
    /// When nothing is left to show, or the baseline or a metric is not there; what there is, is named.
    pub fn of(subjects: &[Subject], wanted: &Wanted) -> Result<Self> {
        let mut lines = lines(subjects, wanted);
        if lines.is_empty() {
            refuse_conditions(subjects, &wanted.rows)?;
            return Err(Error::NoResults("there are no metrics to compare; `pipe run` makes them".to_owned()));
        }
        let metrics = metrics(&lines, subjects, wanted)?;
        let columns: Vec<String> = wanted.figures.iter().chain(&metrics).cloned().collect();
        for line in &mut lines {
            line.cells.retain(|name, _| columns.contains(name));
        }
        let baseline = baseline(subjects, wanted.baseline.as_deref())?;
        let (lines, mut floors) = split(&lines, subjects, &metrics);
        for floor in &mut floors {
            // A figure is one subject's, and a floor is of all of them.
            floor.cells.retain(|name, _| metrics.contains(name));
        }
        let figures = wanted.figures.len();
        let mut comparison = Self { columns, figures, lines, floors, baseline, paper: None, differs: Vec::new() };
        comparison.mark(&metrics);
        Ok(comparison)
    }

    /// Puts a table of the paper beside it.
    pub fn beside(&mut self, paper: PaperTable, differs: Vec<String>) {
        for line in self.lines.iter_mut().chain(&mut self.floors) {
            let Some(row) = paper.row(&line.subject, &line.identity) else { continue };
            for column in &self.columns {
                if let Some(figure) = row.figures.get(column) {
                    line.cells.entry(column.clone()).or_insert_with(|| Cell::of(&[])).paper = Some(*figure);
                }
            }
        }
        self.differs = differs;
        self.paper = Some(paper);
    }

    /// All lines, the floors last.
    pub fn all(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().chain(&self.floors)
    }

    fn mark(&mut self, metrics: &[String]) {
        let all: Vec<Line> = self.all().cloned().collect();
        for line in self.lines.iter_mut().chain(&mut self.floors) {
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

impl Line {
    /// What it has to share with another to be its rival.
    fn scope(&self) -> Vec<&(String, String)> {
        self.identity.iter().filter(|(name, _)| name != MODEL).collect()
    }
}

impl Cell {
    /// Of the values of each seed.
    pub fn of(values: &[f64]) -> Self {
        let mean = (!values.is_empty()).then(|| mean(values));
        Self { mean, deviation: deviation(values), best: false, significance: None, paper: None }
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
            for (name, value) in row.numbers.iter().map(|(name, value)| (name, value)).chain(&subject.figures) {
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

fn baseline(subjects: &[Subject], asked: Option<&str>) -> Result<String> {
    let names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
    let Some(asked) = asked else { return Ok(names.first().copied().unwrap_or_default().to_owned()) };
    if names.contains(&asked) {
        return Ok(asked.to_owned());
    }
    let hint = suggestion(asked, names.iter().copied(), "there is");
    Err(Error::Usage { message: format!("nothing that is compared has the name '{asked}'"), hint: Some(hint) })
}

/// Takes out the lines that every subject has alike.
fn split(lines: &[Line], subjects: &[Subject], metrics: &[String]) -> (Vec<Line>, Vec<Line>) {
    let mut names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let values = |line: &Line| metrics.iter().map(|metric| line.cells.get(metric).cloned()).collect::<Vec<_>>();
    let is_floor = |line: &Line| {
        let alike = lines.iter().filter(|other| other.identity == line.identity && values(other) == values(line));
        names.len() > 1 && alike.count() == names.len()
    };
    let floors: Vec<Line> = lines.iter().filter(|line| is_floor(line)).cloned().collect();
    let varying = lines.iter().filter(|line| !is_floor(line)).cloned().collect();
    let mut shown: Vec<Line> = Vec::new();
    for floor in floors {
        if shown.iter().all(|line| line.identity != floor.identity) {
            shown.push(Line { subject: String::new(), ..floor });
        }
    }
    (varying, shown)
}
