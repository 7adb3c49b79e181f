//! New numbers for users and items, which say nothing about what came when.

use crate::digest;
use crate::gathered::{Gathered, Row};
use crate::texts::Text;
use frames::{Items, Reviews, Users};

/// Interactions by user and position, with users and items numbered by the hash of their identifiers.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// `[users]` original identifiers.
    pub(crate) user_ids: Vec<String>,
    /// `[items]` original identifiers.
    pub(crate) item_ids: Vec<String>,
    /// `[items]` texts.
    pub(crate) texts: Vec<Text>,
    /// `[users]` each user's rows in order.
    pub(crate) sequences: Vec<Vec<Row>>,
    /// `[items]` the numbers in the published files, where they had any.
    pub(crate) published_numbers: Option<Vec<i64>>,
}

/// Numbers the users and items that have rows; those without are left out.
pub(crate) fn number(gathered: Gathered) -> Numbered {
    let Gathered { users, items, mut texts, rows, published_numbers } = gathered;
    let (user_order, new_user) = order_by_hash(&users, rows.iter().map(|row| row.user));
    let (item_order, new_item) = order_by_hash(&items, rows.iter().map(|row| row.item));
    let mut sequences = vec![Vec::new(); user_order.len()];
    for row in rows {
        let renumbered = Row { user: new_user[row.user], item: new_item[row.item], ..row };
        sequences[renumbered.user].push(renumbered);
    }
    Numbered {
        user_ids: user_order.iter().map(|&user| users[user].clone()).collect(),
        item_ids: item_order.iter().map(|&item| items[item].clone()).collect(),
        texts: item_order.iter().map(|&item| std::mem::take(&mut texts[item])).collect(),
        published_numbers: published_numbers.map(|numbers| item_order.iter().map(|&item| numbers[item]).collect()),
        sequences,
    }
}

/// The used indexes in the order of their identifiers' hashes, and for each index its place in that order.
fn order_by_hash(ids: &[String], used: impl Iterator<Item = usize>) -> (Vec<usize>, Vec<usize>) {
    let mut is_used = vec![false; ids.len()];
    for index in used {
        is_used[index] = true;
    }
    let mut order: Vec<usize> = (0..ids.len()).filter(|&index| is_used[index]).collect();
    order.sort_by_cached_key(|&index| digest::of_id(&ids[index]));
    let mut place = vec![usize::MAX; ids.len()];
    for (number, &index) in order.iter().enumerate() {
        place[index] = number;
    }
    (order, place)
}

impl Numbered {
    /// Whether the published files split the rows.
    pub(crate) fn has_own_split(&self) -> bool {
        self.rows().any(|row| row.split.is_some())
    }

    /// All rows, by user and position.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sequences.iter().flatten()
    }

    /// The table of users.
    pub(crate) fn users(&self) -> Users {
        Users { id: self.user_ids.clone() }
    }

    /// The table of items.
    pub(crate) fn items(&self) -> Items {
        let column = |of: fn(&Text) -> &String| self.texts.iter().map(|text| of(text).clone()).collect();
        Items {
            id: self.item_ids.clone(),
            title: column(|text| &text.title),
            description: column(|text| &text.description),
            brand: column(|text| &text.brand),
            categories: column(|text| &text.categories),
        }
    }

    /// The table of reviews; rows without a text are left out.
    pub(crate) fn reviews(&self) -> Reviews {
        let mut reviews = Reviews::default();
        for row in self.rows().filter(|row| !row.review.is_empty()) {
            reviews.user.push(row.user as u32);
            reviews.item.push(row.item as u32);
            reviews.text.push(row.review.clone());
        }
        reviews
    }
}
