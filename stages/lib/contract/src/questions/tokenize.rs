//! Codes for items that were not in the training data, for `pipe tokenize`.

use super::{Lineage, Question};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Assigns codes to new items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokenize {
    /// The stage that trained the codebook.
    pub stage: Lineage,
    /// The Parquet file of the new items.
    pub items: PathBuf,
    /// The Parquet file to write the codes to, if any.
    pub output: Option<PathBuf>,
    /// The device that embeds texts, `cpu` or `cuda`.
    pub device: String,
}

/// The new items with their codes, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokenized {
    /// One for each row.
    pub items: Vec<TokenizedItem>,
}

/// A new item with its codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizedItem {
    /// Its name.
    pub item: String,
    /// One code for each level.
    pub codes: Vec<u32>,
    /// What the codes were computed from.
    pub from: CodeSource,
    /// The items in use, by number, that have the same codes.
    pub collides_with: Vec<u32>,
}

/// What a new item's codes were computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeSource {
    /// The item's embedding.
    Embedding,
    /// The item's title and description.
    Text,
}

impl CodeSource {
    /// Its name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Text => "text",
        }
    }
}

impl Question for Tokenize {
    const NAME: &'static str = "tokenize";
    type Answer = Tokenized;
}
