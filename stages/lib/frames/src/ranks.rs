//! Where each user's test items are in the lists of each model.

use crate::parquet::{Table, column, write};
use crate::rankings::Seen;
use contract::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

const TABLE: &str = "ranks.parquet";

/// What counts as a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hits {
    /// The test item itself.
    Item,
    /// Any item with the test item's codes.
    Code,
}

impl Hits {
    /// Its name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Code => "code",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Item, Self::Code].into_iter().find(|hits| hits.as_str() == word)
    }
}

/// One user's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRank {
    /// The user.
    pub user: u32,
    /// How many training interactions the user has.
    pub history: u32,
    /// For each test item of the user, or each distinct code of them, of which there is at least one, its place from 1;
    /// `None` where it is not in the list, or there is no list.
    pub ranks: Vec<Option<u32>>,
}

impl UserRank {
    /// The result of a user with one test item.
    #[must_use]
    pub fn one(user: u32, history: u32, rank: Option<u32>) -> Self {
        Self { user, history, ranks: vec![rank] }
    }
}

/// What a row of the ranks is about: a model, the sort of its lists, and what counts as a hit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The label of the rankings.
    pub model: String,
    /// Whether seen items may be in the lists.
    pub seen: Seen,
    /// What counts as a hit.
    pub hits: Hits,
}

/// The ranks of all users that have a test item, for all that was measured; users ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranks {
    /// In the order of the table.
    pub of: Vec<(Measured, Vec<UserRank>)>,
}

impl Ranks {
    /// Reads `ranks.parquet` of a folder.
    ///
    /// # Errors
    /// When the file is missing or damaged, a column is missing or of another type, a rank is 0, users do not
    /// ascend, or the rows of a user differ in the length of the history.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        let model = table.text("model")?;
        let seen = table.enumeration("seen", Seen::parse, "kept or excluded")?;
        let hits = table.enumeration("hits", Hits::parse, "item or code")?;
        let (user, history, rank) = (table.u32("user")?, table.u32("history")?, table.optional_u32("rank")?);
        let mut ranks = Self::default();
        for (row, model) in model.into_iter().enumerate() {
            let measured = Measured { model, seen: seen[row], hits: hits[row] };
            let found = UserRank::one(user[row], history[row], rank[row]);
            if rank[row] == Some(0) {
                return Err(table.bad_row(row, "rank is 0, expected 1 or more, or an empty cell"));
            }
            match ranks.of.last_mut() {
                Some((known, users)) if *known == measured => {
                    let last = users.last_mut().filter(|before| before.user >= found.user);
                    match last {
                        None => users.push(found),
                        Some(before) if before.user > found.user => {
                            return Err(table.bad_row(row, "users do not ascend"));
                        }
                        Some(before) if before.history != found.history => {
                            let problem = format!("user {} has another history than in the row before", found.user);
                            return Err(table.bad_row(row, &problem));
                        }
                        Some(before) => before.ranks.push(rank[row]),
                    }
                }
                _ => ranks.of.push((measured, vec![found])),
            }
        }
        Ok(ranks)
    }

    /// Writes `ranks.parquet` to a folder: the columns `model`, `seen`, `hits`, `user`, `history` and `rank`, with a row
    /// for each test item.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let rows = || {
            self.of.iter().flat_map(|(measured, users)| {
                users.iter().flat_map(move |user| user.ranks.iter().map(move |rank| (measured, user, *rank)))
            })
        };
        let columns = vec![
            column("model", rows().map(|(measured, ..)| measured.model.as_str()).collect::<Vec<_>>()),
            column("seen", rows().map(|(measured, ..)| measured.seen.as_str()).collect::<Vec<_>>()),
            column("hits", rows().map(|(measured, ..)| measured.hits.as_str()).collect::<Vec<_>>()),
            column("user", rows().map(|(_, found, _)| found.user).collect::<Vec<_>>()),
            column("history", rows().map(|(_, found, _)| found.history).collect::<Vec<_>>()),
            column("rank", rows().map(|(.., rank)| rank).collect::<Vec<_>>()),
        ];
        write(folder, TABLE, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(users: &[UserRank]) -> Ranks {
        let measured = |model: &str, hits| Measured { model: model.into(), seen: Seen::Kept, hits };
        Ranks {
            of: vec![(measured("pipe", Hits::Item), users.to_vec()), (measured("pipe", Hits::Code), users.to_vec())],
        }
    }

    #[test]
    fn ranks_survive_and_a_miss_is_an_empty_cell() {
        let folder = tempfile::tempdir().unwrap();
        let several = UserRank { user: 8, history: 2, ranks: vec![Some(9), None, Some(2)] };
        let users = [UserRank::one(1, 4, Some(3)), UserRank::one(7, 0, None), several];
        ranks(&users).write(folder.path()).unwrap();
        assert_eq!(Ranks::read(folder.path()).unwrap(), ranks(&users));
    }

    #[test]
    fn a_rank_of_0_and_users_in_disorder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |users: [UserRank; 2]| {
            ranks(&users).write(folder.path()).unwrap();
            Ranks::read(folder.path()).unwrap_err().message
        };
        let user = |user, rank| UserRank::one(user, 1, Some(rank));
        assert!(refused([user(0, 1), user(1, 0)]).contains("row 1: rank is 0"));
        assert!(refused([user(3, 1), user(2, 2)]).ends_with("row 1: users do not ascend"));
        let other = UserRank::one(3, 2, Some(1));
        assert!(refused([user(3, 1), other]).ends_with("row 1: user 3 has another history than in the row before"));
    }
}
