//! Items that are held out of training altogether, as if they came into the catalogue at the time of the test.

use crate::parameters::Parameters;
use crate::rules::Cutoffs;
use crate::table::{Rows, Table};
use crate::write::SHORTEST_HELD_OUT;
use contract::Result;
use frames::Split;
use std::ops::Range;

/// The new items, and what was left out for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewItems {
    /// How many there are.
    pub(crate) items: usize,
    /// Rows of them that are left out, for they do not test.
    pub(crate) left_out: usize,
    /// `[items of the table]` whether each is new; empty where none is.
    is_new: Vec<bool>,
}

impl NewItems {
    /// Takes `new_items` of the items, those of smallest hash, and drops their rows that do not test. Rows must be ordered.
    pub(crate) fn hold_out(table: &mut Table, parameters: &Parameters) -> Result<Self> {
        if parameters.new_items == 0.0 {
            return Ok(Self::default());
        }
        let cutoffs = Cutoffs::of(parameters)?;
        let mut is_used = vec![false; table.items.len()];
        table.read_rows(|rows| rows.item.iter().for_each(|&item| is_used[item as usize] = true))?;
        let mut drawn = table.items.by_digest(|item| is_used[item as usize]);
        drawn.truncate((drawn.len() as f64 * parameters.new_items) as usize);
        let mut is_new = vec![false; table.items.len()];
        drawn.iter().for_each(|&item| is_new[item as usize] = true);
        let before = table.len();
        table.drop_rows(|rows| {
            let mut is_kept = vec![true; rows.len()];
            for sequence in rows.sequences() {
                mark(rows, sequence, cutoffs, &is_new, &mut is_kept);
            }
            rows.retain(|_, row| is_kept[row]);
        })?;
        Ok(Self { items: drawn.len(), left_out: before - table.len(), is_new })
    }

    /// Whether an item, by its index in the table, is new.
    pub(crate) fn has(&self, item: u32) -> bool {
        self.is_new.get(item as usize).is_some_and(|&is_new| is_new)
    }
}

/// Marks the rows of a user with new items that do not test. What is held out of a sequence depends on its length, so a last item
/// stays only where the rest is long enough to have it held out.
fn mark(rows: &Rows, sequence: Range<usize>, cutoffs: Option<Cutoffs>, is_new: &[bool], is_kept: &mut [bool]) {
    let last = sequence.end - 1;
    let others = sequence.clone().filter(|&row| row < last && !is_new[rows.item[row] as usize]).count();
    let tests = |row: usize| match (rows.split.get(row), cutoffs) {
        (Some(&split), _) => split == Split::Test,
        (None, Some(cutoffs)) => cutoffs.split(rows.time[row]) == Split::Test,
        (None, None) => row == last && others + 1 >= SHORTEST_HELD_OUT,
    };
    for row in sequence {
        is_kept[row] = !is_new[rows.item[row] as usize] || tests(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Repeats;
    use crate::rules::order;
    use crate::table::Interaction;

    #[test]
    fn rows_of_new_items_stay_only_where_they_test() {
        let mut table = Table::new(&std::env::temp_dir()).unwrap();
        let sequences = [("0", "abcdef"), ("1", "fedcba"), ("2", "cab"), ("3", "dbcfea"), ("4", "efdacb")];
        for (user, items) in sequences {
            for (time, item) in (0..).zip(items.split("").filter(|item| !item.is_empty())) {
                table.push(&Interaction { user, item, time, text: "", split: None }).unwrap();
            }
        }
        order(&mut table, Repeats::First, 1).unwrap();
        let parameters = Parameters { new_items: 0.5, ..Parameters::default() };
        let found = NewItems::hold_out(&mut table, &parameters).unwrap();
        assert_eq!(found.items, 3);
        let mut kept: Vec<(String, String)> = Vec::new();
        let read = table.read_rows(|rows| {
            for sequence in rows.sequences() {
                let items = sequence.clone().map(|row| table.items.get(rows.item[row])).collect::<String>();
                kept.push((table.users.get(rows.user[sequence.start]).to_owned(), items));
            }
        });
        read.unwrap();
        kept.sort();
        let is_new = |letter: char| found.has(table.items.find(&letter.to_string()).unwrap());
        let expected: Vec<(String, String)> = sequences
            .iter()
            .filter_map(|(user, items)| {
                let mut rest: String = items.chars().filter(|&letter| !is_new(letter)).collect();
                let last = items.chars().last().filter(|&last| is_new(last) && rest.len() >= 2);
                rest.extend(last);
                (!rest.is_empty()).then(|| ((*user).to_owned(), rest))
            })
            .collect();
        assert_eq!(kept, expected);
        let read: usize = sequences.iter().map(|(_, items)| items.len()).sum();
        assert_eq!(found.left_out, read - kept.iter().map(|(_, items)| items.len()).sum::<usize>());
        assert!(kept.iter().any(|(_, items)| items.chars().any(is_new)), "no new item is tested: {kept:?}");
    }
}
