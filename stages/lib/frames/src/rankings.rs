//! Ranked lists of items for users.

use crate::finite::{NotFinite, Rows, check_finite};
use crate::parquet::{Table, column, write_rows};
use crate::ranking_rows::rows;
use contract::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub(crate) const TABLE: &str = "rankings.parquet";

/// Stands in a list for a place that counts although no item is there: codes were written that no item has. The only number
/// that may occur several times in a list.
pub const NO_ITEM: u32 = u32::MAX;

/// Whether items of the user's history may be in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// They may not.
    Excluded,
    /// They may, as in the paper.
    Kept,
}

impl Seen {
    /// Its name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::Kept => "kept",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Excluded, Self::Kept].into_iter().find(|seen| seen.as_str() == word)
    }
}

/// One user's items, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedList {
    /// The user.
    pub user: u32,
    /// Item and score, best first; [`NO_ITEM`] where a place has no item.
    pub items: Vec<(u32, f32)>,
}

/// The lists of all users that have a test item, by user; a user whose list is empty has no row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rankings {
    /// Lists in which items of the user's history may stand.
    pub kept: Vec<RankedList>,
    /// Lists in which they may not.
    pub excluded: Vec<RankedList>,
}

impl Rankings {
    /// The lists of one of the two sorts.
    #[must_use]
    pub fn lists(&self, seen: Seen) -> &[RankedList] {
        match seen {
            Seen::Kept => &self.kept,
            Seen::Excluded => &self.excluded,
        }
    }

    /// Reads `rankings.parquet` of a folder.
    ///
    /// # Errors
    /// As [`Rankings::read_noted`].
    pub fn read(folder: &Path) -> Result<Self> {
        Self::read_noted(folder).map(|(rankings, _)| rankings)
    }

    /// Reads `rankings.parquet` of a folder as any program may have written it: rows in any order, numbers of any type. The
    /// second value says what had to be changed, a sentence each.
    ///
    /// # Errors
    /// When the file is missing or damaged, a column is missing or holds no numbers, a cell is empty, negative or too large,
    /// ranks do not run 1, 2, 3, ..., an item stands twice in a list, or a score is not finite. The message lists the first
    /// faults of all rows.
    pub fn read_noted(folder: &Path) -> Result<(Self, Vec<String>)> {
        let (rows, notes) = rows(&Table::read(folder, TABLE)?)?;
        let mut rankings = Self::default();
        for list in rows.chunk_by(|one, other| (one.seen, one.user) == (other.seen, other.user)) {
            let items = list.iter().map(|row| (row.item, row.score)).collect();
            rankings.lists_mut(list[0].seen).push(RankedList { user: list[0].user, items });
        }
        Ok((rankings, notes))
    }

    /// Writes `rankings.parquet` to a folder, sorted by seen (excluded, kept), user and rank.
    ///
    /// # Errors
    /// [`FailureKind::Diverged`](contract::FailureKind::Diverged) when a score is not finite; the message names the
    /// users. When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.check_scores()?;
        let rows = [Seen::Excluded, Seen::Kept].into_iter().flat_map(|sort| {
            self.by_user(sort).into_iter().flat_map(move |list| {
                let ranked = (1_u32..).zip(&list.items);
                ranked.map(move |(rank, &(item, score))| (list.user, sort, rank, item, score))
            })
        });
        write_rows(folder, TABLE, rows, |_, rows| {
            vec![
                column("user", rows.iter().map(|row| row.0).collect::<Vec<_>>()),
                column("seen", rows.iter().map(|row| row.1.as_str()).collect::<Vec<_>>()),
                column("rank", rows.iter().map(|row| row.2).collect::<Vec<_>>()),
                column("item", rows.iter().map(|row| row.3).collect::<Vec<_>>()),
                column("score", rows.iter().map(|row| row.4).collect::<Vec<_>>()),
            ]
        })
    }

    /// The lists of one of the two sorts, by user.
    fn by_user(&self, sort: Seen) -> Vec<&RankedList> {
        let mut lists: Vec<&RankedList> = self.lists(sort).iter().collect();
        lists.sort_by_key(|list| list.user);
        lists
    }

    fn check_scores(&self) -> Result<()> {
        let is_finite = |list: &RankedList| list.items.iter().all(|(_, score)| score.is_finite());
        if self.excluded.iter().chain(&self.kept).all(is_finite) {
            return Ok(());
        }
        let lists = [Seen::Excluded, Seen::Kept].into_iter().flat_map(|sort| self.by_user(sort));
        let (user, score): (Vec<u32>, Vec<f32>) =
            lists.flat_map(|list| list.items.iter().map(|(_, score)| (list.user, *score))).unzip();
        let rows = Rows { of: "user", numbers: Some(&user), ids: None };
        check_finite("scores of the ranked items", &score, 1, rows).map_err(NotFinite::computed)
    }

    fn lists_mut(&mut self, seen: Seen) -> &mut Vec<RankedList> {
        match seen {
            Seen::Kept => &mut self.kept,
            Seen::Excluded => &mut self.excluded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet::write;

    fn two_users() -> Rankings {
        let list = |user, items: &[(u32, f32)]| RankedList { user, items: items.to_vec() };
        Rankings {
            kept: vec![list(0, &[(5, 2.0), (1, 1.5)]), list(3, &[(4, 0.5)])],
            excluded: vec![list(0, &[(1, 1.5)]), list(3, &[(4, 0.5), (2, -1.0)])],
        }
    }

    #[test]
    fn lists_survive() {
        let folder = tempfile::tempdir().unwrap();
        two_users().write(folder.path()).unwrap();
        assert_eq!(Rankings::read(folder.path()).unwrap(), two_users());
    }

    #[test]
    fn places_without_an_item_survive_and_may_occur_several_times() {
        let folder = tempfile::tempdir().unwrap();
        let items = vec![(NO_ITEM, 2.0), (5, 1.0), (NO_ITEM, 0.5)];
        let rankings = Rankings { kept: vec![RankedList { user: 1, items }], excluded: Vec::new() };
        rankings.write(folder.path()).unwrap();
        assert_eq!(Rankings::read(folder.path()).unwrap(), rankings);
    }

    #[test]
    fn scores_that_are_not_finite_are_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut rankings = two_users();
        rankings.excluded[1].items[1].1 = f32::NAN;
        let failure = rankings.write(folder.path()).unwrap_err();
        assert_eq!(failure.kind, contract::FailureKind::Diverged);
        assert!(
            failure.message.ends_with("1 of 6 rows have a number that is not finite: user 3 (column 0 is NaN)"),
            "{failure}"
        );
    }

    #[test]
    fn ranks_with_a_gap_and_repeated_items_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |rank: [u32; 2], item: [u32; 2]| {
            let columns = vec![
                column("user", vec![0_u32; 2]),
                column("seen", vec!["kept"; 2]),
                column("rank", rank.to_vec()),
                column("item", item.to_vec()),
                column("score", vec![1.0_f32; 2]),
            ];
            write(folder.path(), TABLE, columns).unwrap();
            Rankings::read(folder.path()).unwrap_err().message
        };
        assert!(refused([1, 3], [7, 8]).ends_with("row 1: rank is 3, expected 2 for user 0"));
        assert!(refused([0, 1], [7, 8]).ends_with("row 0: rank is 0, expected 1 for user 0: ranks start at 1"));
        assert!(refused([1, 2], [7, 7]).ends_with("row 1: item 7 stands twice in the list of user 0"));
    }

    #[test]
    fn default_types_of_pandas_in_any_order_are_read_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let columns = vec![
            column("item", vec![1_i64, 5, 4]),
            column("user", vec![0_i64, 0, 3]),
            column("seen", vec!["kept"; 3]),
            column("rank", vec![2.0_f64, 1.0, 1.0]),
            column("score", vec![1.5_f64, 2.0, 0.5]),
        ];
        write(folder.path(), TABLE, columns).unwrap();
        let (rankings, notes) = Rankings::read_noted(folder.path()).unwrap();
        assert_eq!(rankings.kept, two_users().kept);
        let notes = notes.join("; ");
        assert!(notes.contains("column 'user' of type i64 is read as u32"), "{notes}");
        assert!(notes.contains("rows are sorted by seen, user and rank"), "{notes}");
        two_users().write(folder.path()).unwrap();
        assert_eq!(Rankings::read_noted(folder.path()).unwrap().1, Vec::<String>::new());
    }

    #[test]
    fn all_faults_are_listed_at_once_with_their_rows() {
        let folder = tempfile::tempdir().unwrap();
        let columns = vec![
            column("user", vec![Some(0_i64), Some(-1), None, Some(2), Some(5)]),
            column("seen", vec!["kept"; 5]),
            column("rank", vec![1_i64, 1, 1, 1, 2]),
            column("item", vec![1.5_f64, 2.0, 3.0, 4.0, 5.0]),
            column("score", vec![f64::NAN, 1.0, 1.0, 1e300, 1.0]),
        ];
        write(folder.path(), TABLE, columns).unwrap();
        let message = Rankings::read(folder.path()).unwrap_err().message;
        for fault in [
            "row 0: item is 1.5, expected a whole number from 0 on",
            "row 0: score is NaN, expected a finite number",
            "row 1: user is -1, expected a whole number from 0 on",
            "row 2: user is empty, expected a whole number from 0 on",
            "row 3: score is 1000",
            "row 4: rank is 2, expected 1 for user 5",
        ] {
            assert!(message.contains(fault), "{fault} is not in: {message}");
        }
    }
}
