//! Ranked lists one after the other, of which a row group is in memory at a time.

use crate::parquet::{ROWS_PER_GROUP, Table};
use crate::rankings::{RankedList, Rankings, Seen, TABLE};
use contract::Result;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// The lists without seen items, in the order of users.
///
/// A file as [`Rankings::write`] leaves it is read a row group at a time. Any other is read whole first, as [`Rankings::read`] does.
#[derive(Debug)]
pub struct ExcludedLists {
    folder: PathBuf,
    /// The rows that are left to read; none where all were read.
    left: std::ops::Range<usize>,
    /// The list whose rows may not all have been read.
    last: Option<RankedList>,
    ready: VecDeque<RankedList>,
}

impl ExcludedLists {
    /// Begins with the first list of a folder.
    ///
    /// # Errors
    /// As [`Rankings::read`].
    pub fn open(folder: &Path) -> Result<Self> {
        let rows = Table::count_rows(folder, TABLE)?;
        let mut lists = Self { folder: folder.to_owned(), left: 0..rows, last: None, ready: VecDeque::new() };
        if !lists.is_in_order()? {
            lists.left = 0..0;
            lists.ready = Rankings::read(folder)?.excluded.into();
        }
        Ok(lists)
    }

    /// The next list; none after the last.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn next_list(&mut self) -> Result<Option<RankedList>> {
        while self.ready.is_empty() && !self.left.is_empty() {
            self.read()?;
        }
        Ok(self.ready.pop_front().or_else(|| self.last.take()))
    }

    /// Whether the columns are of the usual types, excluded rows come first, and users and ranks rise.
    fn is_in_order(&self) -> Result<bool> {
        let mut before = (Seen::Excluded, 0, 0);
        for first in self.left.clone().step_by(ROWS_PER_GROUP) {
            let table = Table::read_rows(&self.folder, TABLE, first, ROWS_PER_GROUP, Some(&["seen", "user", "rank"]))?;
            let seen = table.enumeration("seen", Seen::parse, "kept or excluded");
            let (Ok(seen), Ok(users), Ok(ranks)) = (seen, table.u32("user"), table.u32("rank")) else {
                return Ok(false);
            };
            for ((seen, user), rank) in seen.into_iter().zip(users).zip(ranks) {
                let is_next = (seen, user) == (before.0, before.1) && rank == before.2 + 1;
                let is_new = rank == 1 && ((seen, user) > (before.0, before.1) || before.2 == 0);
                if !is_next && !is_new {
                    return Ok(false);
                }
                before = (seen, user, rank);
            }
        }
        Ok(true)
    }

    /// Reads a row group.
    fn read(&mut self) -> Result<()> {
        let table = Table::read_rows(&self.folder, TABLE, self.left.start, ROWS_PER_GROUP, None)?;
        self.left.start = (self.left.start + ROWS_PER_GROUP).min(self.left.end);
        let seen = table.enumeration("seen", Seen::parse, "kept or excluded")?;
        let (users, items, scores) = (table.u32("user")?, table.u32("item")?, table.f32("score")?);
        for (row, seen) in seen.into_iter().enumerate() {
            if seen == Seen::Kept {
                self.left = 0..0;
                return Ok(());
            }
            if !scores[row].is_finite() {
                return Err(table.bad_row(row, &format!("score is {}, expected a finite number", scores[row])));
            }
            let entry = (items[row], scores[row]);
            match &mut self.last {
                Some(list) if list.user == users[row] => list.items.push(entry),
                last => self.ready.extend(last.replace(RankedList { user: users[row], items: vec![entry] })),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(folder: &Path) -> Vec<RankedList> {
        let mut lists = ExcludedLists::open(folder).unwrap();
        std::iter::from_fn(|| lists.next_list().unwrap()).collect()
    }

    fn lists(users: u32, length: u32) -> Rankings {
        let list = |user: u32| RankedList {
            user: 2 * user,
            items: (0..length).map(|item| (item, 1.0 / (1.0 + item as f32 + user as f32))).collect(),
        };
        let lists: Vec<RankedList> = (0..users).map(list).collect();
        Rankings { kept: lists.clone(), excluded: lists }
    }

    /// 30,000 lists of 20 are three row groups, whose borders are within lists.
    #[test]
    fn lists_come_as_they_are_read_whole() {
        for (users, length) in [(0, 1), (3, 2), (30_000, 20)] {
            let folder = tempfile::tempdir().unwrap();
            let rankings = lists(users, length);
            rankings.write(folder.path()).unwrap();
            assert!(ExcludedLists::open(folder.path()).unwrap().ready.is_empty(), "read whole");
            assert_eq!(all(folder.path()), rankings.excluded);
        }
    }

    #[test]
    fn a_file_in_another_order_is_read_whole() {
        use crate::parquet::{column, write};
        let folder = tempfile::tempdir().unwrap();
        let columns = vec![
            column("user", [4_u32, 1, 1].as_slice()),
            column("seen", ["excluded", "excluded", "excluded"].as_slice()),
            column("rank", [1_u32, 2, 1].as_slice()),
            column("item", [7_u32, 8, 9].as_slice()),
            column("score", [0.5_f32, 0.1, 0.2].as_slice()),
        ];
        write(folder.path(), TABLE, columns).unwrap();
        let expected =
            [RankedList { user: 1, items: vec![(9, 0.2), (8, 0.1)] }, RankedList { user: 4, items: vec![(7, 0.5)] }];
        assert_eq!(all(folder.path()), expected);
    }
}
