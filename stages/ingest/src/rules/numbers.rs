//! New numbers for users and items, which say nothing about what came when.

use crate::rules::NewItems;
use crate::table::Table;
use contract::Result;

/// The final numbers: in the order of the digests of the original identifiers of those that have rows, and of new items.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// `[users]` the indexes of the users, by final number.
    pub(crate) users: Vec<u32>,
    /// `[items]` the indexes of the items, by final number.
    pub(crate) items: Vec<u32>,
    /// `[items of the table]` the final number of each item; `u32::MAX` for those without rows.
    pub(crate) of_item: Vec<u32>,
}

impl Numbers {
    /// Numbers the users and items that have rows, and the new items. Rows must be ordered.
    pub(crate) fn of(table: &Table, new_items: &NewItems) -> Result<Self> {
        let mut users = Vec::new();
        let mut is_used = vec![false; table.items.len()];
        table.read_rows(|rows| {
            users.extend(rows.sequences().map(|sequence| rows.user[sequence.start]));
            rows.item.iter().for_each(|&item| is_used[item as usize] = true);
        })?;
        let items = table.items.by_digest(|item| is_used[item as usize] || new_items.has(item));
        let mut of_item = vec![u32::MAX; table.items.len()];
        for (number, &item) in (0..).zip(&items) {
            of_item[item as usize] = number;
        }
        Ok(Self { users, items, of_item })
    }
}
