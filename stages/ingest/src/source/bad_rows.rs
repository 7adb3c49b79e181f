//! Rows that could not be read, and what becomes of them.

use crate::parameters::OnBadRow;
use contract::{Failure, FailureKind, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How many bad rows the report has.
const REPORTED: usize = 20;

/// A row that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct BadRow {
    /// Its line in the file, from 1.
    pub(crate) line: u64,
    /// The class of failure.
    pub(crate) kind: FailureKind,
    /// What was found and what was expected.
    pub(crate) problem: String,
    /// What to do about it.
    pub(crate) hint: Option<&'static str>,
}

/// A bad row in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReportedRow {
    file: String,
    line: u64,
    problem: String,
}

/// The bad rows of all files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BadRows {
    /// How many there are.
    pub(crate) skipped: usize,
    /// Files that end before their end, or cannot be read on.
    pub(crate) damaged_files: usize,
    /// The first of them.
    pub(crate) first: Vec<ReportedRow>,
}

impl BadRow {
    /// A row that cannot be parsed.
    pub(crate) fn malformed(line: u64, problem: impl Into<String>) -> Self {
        Self { line, kind: FailureKind::MalformedRow, problem: problem.into(), hint: None }
    }

    /// A row without a field that it must have.
    pub(crate) fn missing(line: u64, field: &str, found: &str, expected: &str) -> Self {
        let problem = format!("field '{field}' holds {found}, expected {expected}");
        let hint = Some("is this the right file for this port? on_bad_row = \"skip\" leaves such rows out");
        Self { line, kind: FailureKind::MissingField, problem, hint }
    }

    /// The same row with the way out.
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The failure of the row.
    fn failure(self, path: &Path) -> Failure {
        let failure = Failure::new(self.kind, format!("{}, line {}: {}", path.display(), self.line, self.problem));
        match self.hint {
            Some(hint) => failure.hint(hint),
            None => failure.hint("on_bad_row = \"skip\" leaves such rows out and counts them"),
        }
    }
}

impl BadRows {
    /// Takes in the bad rows of a block, which come in the order of the file.
    ///
    /// # Errors
    /// The first of them, where bad rows are errors.
    pub(crate) fn add(&mut self, rows: Vec<BadRow>, path: &Path, on_bad_row: OnBadRow) -> Result<()> {
        for row in rows {
            if on_bad_row == OnBadRow::Error {
                return Err(row.failure(path));
            }
            self.skipped += 1;
            self.report(path, row.line, &row.problem);
        }
        Ok(())
    }

    /// Takes in that a file cannot be read on after a line.
    ///
    /// # Errors
    /// The failure itself, where bad rows are errors.
    pub(crate) fn add_damage(&mut self, damage: Failure, path: &Path, line: u64, on_bad_row: OnBadRow) -> Result<()> {
        if on_bad_row == OnBadRow::Error {
            return Err(damage);
        }
        self.damaged_files += 1;
        self.report(path, line, &damage.message);
        Ok(())
    }

    fn report(&mut self, path: &Path, line: u64, problem: &str) {
        if self.first.len() < REPORTED {
            // A folder's name would make the report differ between machines.
            let file = PathBuf::from(path.file_name().unwrap_or(path.as_os_str())).display().to_string();
            let problem = problem.replace(&path.display().to_string(), &file);
            self.first.push(ReportedRow { file, line, problem });
        }
    }
}
