//! Numbers that are not finite: found once, by row, in whatever a stage reads or writes.

use contract::{Failure, FailureKind};
use std::fmt::{self, Write as _};
use std::path::Path;

/// How many rows a message names.
const NAMED: usize = 5;

/// What the rows of a matrix are, for a message that names some of them.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// What one row is of, such as `item` or `user`.
    pub of: &'a str,
    /// The number of each row; its place from 0 where there are none.
    pub numbers: Option<&'a [u32]>,
    /// The original identifiers, by number, where they are known.
    pub ids: Option<&'a [String]>,
}

impl Rows<'_> {
    /// Rows that have nothing but their place.
    pub const PLAIN: Self = Self { of: "row", numbers: None, ids: None };
}

impl<'a> Rows<'a> {
    /// Rows of items or users in the order of their numbers.
    #[must_use]
    pub fn of(of: &'a str, ids: Option<&'a [String]>) -> Self {
        Self { of, numbers: None, ids }
    }

    fn name(&self, row: usize) -> String {
        let number = self.numbers.map_or(row, |numbers| numbers[row] as usize);
        match self.ids.and_then(|ids| ids.get(number)) {
            Some(id) => format!("{} {number} ('{id}')", self.of),
            None => format!("{} {number}", self.of),
        }
    }
}

/// Which rows hold a number that is not finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFinite {
    message: String,
}

impl NotFinite {
    /// The failure of a stage that computed such numbers.
    #[must_use]
    pub fn computed(self) -> Failure {
        Failure::new(FailureKind::Diverged, self.message)
    }

    /// The failure of a stage that read such numbers from a file.
    #[must_use]
    pub fn read_from(self, path: &Path) -> Failure {
        Failure::new(FailureKind::MalformedRow, format!("{}: {}", path.display(), self.message))
            .hint("the file was made by a stage or program whose computation failed: make it again")
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Checks that all numbers of a matrix of `columns` columns are finite: neither NaN nor infinite.
///
/// `label` names the matrix. The error counts the rows that are not and names the first 5.
///
/// # Errors
/// When a number is NaN or infinite.
pub fn check_finite(label: &str, values: &[f32], columns: usize, rows: Rows<'_>) -> Result<(), NotFinite> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let width = columns.max(1);
    let bad: Vec<(usize, usize)> = values
        .chunks(width)
        .enumerate()
        .filter_map(|(row, numbers)| Some((row, numbers.iter().position(|value| !value.is_finite())?)))
        .collect();
    let total = values.len().div_ceil(width);
    let mut message = format!("{label}: {} of {total} rows have a number that is not finite: ", bad.len());
    for (place, &(row, column)) in bad.iter().take(NAMED).enumerate() {
        let separator = if place == 0 { "" } else { ", " };
        let (name, value) = (rows.name(row), values[row * width + column]);
        // Writing to a string cannot fail.
        let _: fmt::Result = write!(message, "{separator}{name} (column {column} is {value})");
    }
    if bad.len() > NAMED {
        let _: fmt::Result = write!(message, " and {} more", bad.len() - NAMED);
    }
    Err(NotFinite { message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_named_by_number_and_id() {
        let mut values = vec![1.0; 20];
        for row in [1, 3, 4, 5, 6, 8] {
            values[row * 2 + 1] = f32::NAN;
        }
        values[2] = f32::NEG_INFINITY;
        let ids: Vec<String> = (0..10).map(|item| format!("B{item}")).collect();
        let found = check_finite("embeddings", &values, 2, Rows::of("item", Some(&ids))).unwrap_err().to_string();
        let start = "embeddings: 6 of 10 rows have a number that is not finite: item 1 ('B1') (column 0 is -inf), \
                     item 3 ('B3') (column 1 is NaN)";
        assert!(found.starts_with(start), "{found}");
        assert!(found.ends_with("item 6 ('B6') (column 1 is NaN) and 1 more"), "{found}");
        let numbered = Rows { of: "user", numbers: Some(&[7]), ids: None };
        let found = check_finite("scores", &[f32::INFINITY], 1, numbered).unwrap_err().to_string();
        assert!(found.ends_with("user 7 (column 0 is inf)"), "{found}");
    }

    #[test]
    fn finite_numbers_and_no_numbers_pass() {
        assert!(check_finite("x", &[f32::MAX, f32::MIN, 0.0], 3, Rows::PLAIN).is_ok());
        assert!(check_finite("x", &[], 0, Rows::PLAIN).is_ok());
    }
}
