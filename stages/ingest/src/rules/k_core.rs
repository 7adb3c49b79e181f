//! The k-core: users and items that keep enough interactions when the others are gone.

use crate::table::{Rows, Table};
use contract::Result;
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
pub(crate) fn keep_core(table: &mut Table, min_user: usize, min_item: usize) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    let (users, items) = (table.users.len(), table.items.len());
    loop {
        dropped.passes += 1;
        let before = table.len();
        retain_frequent(table, min_user, users, |rows| &rows.user)?;
        let between = table.len();
        retain_frequent(table, min_item, items, |rows| &rows.item)?;
        let after = table.len();
        dropped.rows_of_rare_users += before - between;
        dropped.rows_of_rare_items += between - after;
        if after == before {
            return Ok(dropped);
        }
    }
}

/// Keeps the rows whose key, below `keys`, has enough rows.
fn retain_frequent(table: &mut Table, least: usize, keys: usize, key: fn(&Rows) -> &Vec<u32>) -> Result<()> {
    if least <= 1 {
        return Ok(());
    }
    let mut counts = vec![0_u32; keys];
    table.read_rows(|rows| key(rows).iter().for_each(|&key| counts[key as usize] += 1))?;
    if counts.iter().all(|&count| count == 0 || count as usize >= least) {
        return Ok(());
    }
    table.drop_rows(|rows| rows.retain(|rows, row| counts[key(rows)[row] as usize] as usize >= least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Repeats;
    use crate::rules::order;
    use crate::table::Interaction;

    #[test]
    fn dropping_goes_on_until_all_have_enough() {
        let mut table = Table::new(&std::env::temp_dir()).unwrap();
        // User 2 has one row; without it item 1 has one, and then user 1 has one.
        for (user, item) in [("0", "0"), ("0", "2"), ("1", "1"), ("1", "0"), ("2", "1"), ("3", "0"), ("3", "2")] {
            table.push(&Interaction { user, item, time: 0, text: "", split: None }).unwrap();
        }
        order(&mut table, Repeats::First, 1).unwrap();
        let dropped = keep_core(&mut table, 2, 2).unwrap();
        assert_eq!(dropped, Dropped { rows_of_rare_users: 2, rows_of_rare_items: 1, passes: 3 });
        let mut pairs = Vec::new();
        let read = table.read_rows(|rows| {
            let pair = |(&user, &item)| (table.users.get(user).to_owned(), table.items.get(item).to_owned());
            pairs.extend(rows.user.iter().zip(&rows.item).map(pair));
        });
        read.unwrap();
        pairs.sort_unstable();
        assert_eq!(
            pairs,
            [("0", "0"), ("0", "2"), ("3", "0"), ("3", "2")].map(|(user, item)| (user.to_owned(), item.to_owned()))
        );
    }
}
