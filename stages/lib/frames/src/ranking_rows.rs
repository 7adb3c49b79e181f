//! Rows of ranked lists as any program may write them: brought to one form, with every fault that is found.

use crate::parquet::Table;
use crate::rankings::{NO_ITEM, Seen};
use contract::{Failure, FailureKind, Result};
use polars::prelude::DataType;
use std::collections::{BTreeSet, HashSet};

/// How many faults a message lists.
const SHOWN: usize = 10;

/// One row of ranked lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    /// Its place in the file, from 0.
    pub(crate) place: usize,
    /// Whether the list may have items of the history.
    pub(crate) seen: Seen,
    /// The user.
    pub(crate) user: u32,
    /// The place in the list, from 1.
    pub(crate) rank: u32,
    /// The item.
    pub(crate) item: u32,
    /// The score.
    pub(crate) score: f32,
}

/// The rows of a table, sorted by seen, user and rank, and what had to be changed for it, a sentence each.
///
/// # Errors
/// When a column is missing or holds no numbers, or cells cannot be what they have to be: the message lists the first faults.
pub(crate) fn rows(table: &Table) -> Result<(Vec<Row>, Vec<String>)> {
    let (mut notes, mut faults) = (Vec::new(), Faults::default());
    let seen = table.enumeration("seen", Seen::parse, "kept or excluded")?;
    let mut whole = |name: &str| -> Result<Vec<u32>> {
        let (values, note) = numbers(table, name, &DataType::UInt32)?;
        notes.extend(note);
        let whole = values.into_iter().enumerate().map(|(row, value)| {
            let is_whole = |value: &f64| value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(value);
            value.filter(is_whole).map_or_else(
                || {
                    faults.add(row, format!("{name} is {}, expected a whole number from 0 on", shown(value)));
                    0
                },
                |value| value as u32,
            )
        });
        Ok(whole.collect())
    };
    let (user, rank, item) = (whole("user")?, whole("rank")?, whole("item")?);
    let (scores, note) = numbers(table, "score", &DataType::Float32)?;
    notes.extend(note);
    let mut rows: Vec<Row> = Vec::with_capacity(seen.len());
    for (place, score) in scores.into_iter().enumerate() {
        let narrow = score.map(|score| score as f32).filter(|score| score.is_finite());
        if narrow.is_none() {
            faults.add(place, format!("score is {}, expected a finite number", shown(score)));
        }
        let score = narrow.unwrap_or_default();
        rows.push(Row { place, seen: seen[place], user: user[place], rank: rank[place], item: item[place], score });
    }
    let order = |row: &Row| (row.seen, row.user, row.rank);
    if !rows.is_sorted_by_key(order) {
        rows.sort_by_key(order);
        notes.push("rows are sorted by seen, user and rank".to_owned());
    }
    let faulty: BTreeSet<usize> = faults.rows.clone();
    check_lists(&rows, &faulty, &mut faults);
    faults.none(table)?;
    Ok((rows, notes))
}

/// A column of numbers of any type, and the sentence that says of which, where it is not the usual one.
fn numbers(table: &Table, name: &str, usual: &DataType) -> Result<(Vec<Option<f64>>, Option<String>)> {
    let (values, found) = table.numbers(name, usual)?;
    let note = (found != *usual).then(|| format!("column '{name}' of type {found} is read as {usual}"));
    Ok((values, note))
}

/// Ranks of a list run 1, 2, 3, ..., and no item is in it twice. Lists with a faulty row are not checked.
fn check_lists(rows: &[Row], faulty: &BTreeSet<usize>, faults: &mut Faults) {
    for list in rows.chunk_by(|one, other| (one.seen, one.user) == (other.seen, other.user)) {
        if list.iter().any(|row| faulty.contains(&row.place)) {
            continue;
        }
        let mut items = HashSet::with_capacity(list.len());
        for (expected, row) in (1_u32..).zip(list) {
            if row.rank != expected {
                let more = if row.rank == 0 { ": ranks start at 1" } else { "" };
                faults.add(row.place, format!("rank is {}, expected {expected} for user {}{more}", row.rank, row.user));
                break;
            }
            if row.item != NO_ITEM && !items.insert(row.item) {
                faults.add(row.place, format!("item {} stands twice in the list of user {}", row.item, row.user));
            }
        }
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "empty".to_owned(), |value| value.to_string())
}

/// What is wrong with rows.
#[derive(Default)]
struct Faults {
    first: Vec<(usize, String)>,
    count: usize,
    rows: BTreeSet<usize>,
}

impl Faults {
    fn add(&mut self, row: usize, found: String) {
        self.count += 1;
        self.rows.insert(row);
        if self.first.len() < SHOWN {
            self.first.push((row, found));
        }
    }

    /// # Errors
    /// When there are any.
    fn none(mut self, table: &Table) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        self.first.sort();
        let mut lines: Vec<String> = self.first.iter().map(|(row, found)| format!("row {row}: {found}")).collect();
        if self.count > lines.len() {
            lines.push(format!("and {} more", self.count - lines.len()));
        }
        Err(Failure::new(FailureKind::MalformedRow, format!("{}: {}", table.path().display(), lines.join("; "))))
    }
}
