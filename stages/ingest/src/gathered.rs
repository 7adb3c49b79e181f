//! What both forms of input come to, before users and items get their numbers.

use crate::texts::Text;
use frames::Split;

/// Interactions in each user's order, with the original identifiers.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Original identifiers of users; rows point here.
    pub(crate) users: Vec<String>,
    /// Original identifiers of items; rows point here.
    pub(crate) items: Vec<String>,
    /// `[items]` what is known of them.
    pub(crate) texts: Vec<Text>,
    /// All interactions; those of one user are in order, whatever stands between them.
    pub(crate) rows: Vec<Row>,
    /// `[items]` the numbers that the published files gave them, for the report on leaks.
    pub(crate) published_numbers: Option<Vec<i64>>,
}

/// One interaction.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Index of the user.
    pub(crate) user: usize,
    /// Index of the item.
    pub(crate) item: usize,
    /// Seconds since 1970, or the position where no time is known.
    pub(crate) time: i64,
    /// The review, cleaned; empty when there is none.
    pub(crate) review: String,
    /// What it is used for, where the published files say so.
    pub(crate) split: Option<Split>,
}
