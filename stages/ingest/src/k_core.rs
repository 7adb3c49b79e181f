//! The k-core: users and items that keep enough interactions when the others are gone.

use crate::gathered::Row;
use serde::Serialize;

/// What the k-core took away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Dropped {
    /// Rows of users that had too few.
    pub(crate) rows_of_rare_users: usize,
    /// Rows of items that had too few.
    pub(crate) rows_of_rare_items: usize,
    /// The number of passes over users and items until none was left to drop.
    pub(crate) passes: usize,
}

/// Drops the rows of users and items with too few rows until every one has enough.
pub(crate) fn keep_core(rows: &mut Vec<Row>, min_user: usize, min_item: usize) -> Dropped {
    let mut dropped = Dropped::default();
    loop {
        dropped.passes += 1;
        let before = rows.len();
        retain_frequent(rows, min_user, |row| row.user);
        let between = rows.len();
        retain_frequent(rows, min_item, |row| row.item);
        dropped.rows_of_rare_users += before - between;
        dropped.rows_of_rare_items += between - rows.len();
        if rows.len() == before {
            return dropped;
        }
    }
}

fn retain_frequent(rows: &mut Vec<Row>, least: usize, key: impl Fn(&Row) -> usize) {
    let mut counts = vec![0_usize; rows.iter().map(&key).max().map_or(0, |largest| largest + 1)];
    for row in rows.iter() {
        counts[key(row)] += 1;
    }
    rows.retain(|row| counts[key(row)] >= least);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_goes_on_until_all_have_enough() {
        let row = |(user, item)| Row { user, item, time: 0, review: String::new(), split: None };
        // User 2 has one row; without it item 1 has one, and then user 1 has one.
        let pairs = [(0, 0), (0, 2), (1, 1), (1, 0), (2, 1), (3, 0), (3, 2)];
        let mut rows: Vec<Row> = pairs.into_iter().map(row).collect();
        let dropped = keep_core(&mut rows, 2, 2);
        assert_eq!(
            rows.iter().map(|row| (row.user, row.item)).collect::<Vec<_>>(),
            vec![(0, 0), (0, 2), (3, 0), (3, 2)]
        );
        assert_eq!(dropped, Dropped { rows_of_rare_users: 2, rows_of_rare_items: 1, passes: 3 });
    }
}
