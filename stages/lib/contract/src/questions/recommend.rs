//! Items for one user or one history, for `pipe recommend`.

use super::{Lineage, Question};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Asks which items a model recommends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommend {
    /// The stage that made the ranked lists.
    pub stage: Lineage,
    /// For whom.
    pub whom: Whom,
    /// How many items at most.
    pub count: usize,
    /// The original identifiers of items that must not be recommended.
    pub exclude: Vec<String>,
    /// Items that were not there at training, with their codes, as [`super::Tokenize`] writes them.
    pub new_items: Option<PathBuf>,
    /// The device that decodes, `auto`, `cpu` or `cuda`.
    pub device: String,
}

/// For whom items are recommended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// A user of the dataset, by original identifier: the list that the stage made.
    User(String),
    /// Whoever chose these items, by original identifier, oldest first: decoded now by the stage's model.
    History(Vec<String>),
}

/// The items that a model recommends, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommended {
    /// Where the list comes from.
    pub source: ListSource,
    /// The items that the list follows, oldest first.
    pub history: Vec<NamedItem>,
    /// The list.
    pub items: Vec<ScoredItem>,
}

/// Where a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListSource {
    /// It was made by the pipeline and looked up.
    Cached,
    /// It was decoded by the model when it was asked for.
    Live,
    /// The items with most training interactions.
    Popular,
}

/// An item with its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedItem {
    /// Its number in the dataset.
    pub item: u32,
    /// Its original identifier.
    pub id: String,
    /// Its title; empty where none is known.
    pub title: String,
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoredItem {
    /// Its place, from 1.
    pub rank: u32,
    /// Which item it is.
    #[serde(flatten)]
    pub item: NamedItem,
    /// The model's score; the higher, the better. Scores of two models cannot be compared.
    pub score: f32,
}

impl ListSource {
    /// Its name in tables and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Live => "live",
            Self::Popular => "popular",
        }
    }
}

impl Question for Recommend {
    const NAME: &'static str = "recommend";
    type Answer = Recommended;
}
