//! All that an online service looks up: items, users, and the list of each user, one row a line.

use super::{Lineage, Question};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Asks for the content of a result of kind `rankings`, with the names of its users and items.
///
/// The answer is a [`ListsRow`] a line: the head, the items, the users, the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    /// The stage that made the ranked lists.
    pub stage: Lineage,
    /// How many similar items each item gets.
    pub similar: usize,
    /// Items that were not there at training, with their codes, as [`super::Tokenize`] writes them.
    pub new_items: Option<PathBuf>,
}

/// A line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "kebab-case")]
pub enum ListsRow {
    /// The first line.
    Head(ListsHead),
    /// An item; they come in the order of their numbers, from 0.
    Item(ItemRow),
    /// A user; they come in the order of their numbers, from 0.
    User(UserRow),
    /// The last line, without which the answer is cut off.
    End {
        /// How many users there were.
        users: u64,
    },
}

/// What holds for all lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListsHead {
    /// How many items there are.
    pub items: u32,
    /// How many of a history's newest items the model reads.
    pub max_history: usize,
    /// The items with most training interactions first.
    pub popular: Vec<u32>,
    /// Why no list can be decoded live with this model; none where it can.
    pub not_live: Option<String>,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// The original identifier.
    pub id: String,
    /// The title; empty where none is known.
    pub title: String,
    /// The brand; empty where none is known.
    pub brand: String,
    /// The categories from wide to narrow, joined by commas; empty where none are known.
    pub categories: String,
    /// One code for each level; empty where the model has no codes.
    pub codes: Vec<u32>,
    /// The items whose embeddings are nearest by cosine, nearest first; empty where the codes come from no embedding.
    pub by_embedding: Vec<u32>,
    /// The items that share the longest beginning of the codes, longest first.
    pub by_codes: Vec<u32>,
}

/// A user with a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRow {
    /// The original identifier.
    pub id: String,
    /// The items before the test item, oldest first.
    pub history: Vec<u32>,
    /// The list without items of the history, best first; empty where the stage made none.
    pub list: Vec<(u32, f32)>,
}

impl Question for Lists {
    const NAME: &'static str = "lists";
    type Answer = ListsRow;
}
