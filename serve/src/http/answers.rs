//! The bodies of requests and responses; the OpenAPI description is made of them.

use crate::catalogue::Catalogue;
use crate::generation::Generation;
use crate::recommending::Found;
use contract::questions::{ItemRow, ListSource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a list is cut, behind the question mark.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// How many items at most, 1 to 1000; 10 by default.
    pub(crate) k: Option<usize>,
    /// How many items to leave out at the top; 0 by default.
    pub(crate) offset: Option<usize>,
    /// Items that must not be recommended: original identifiers, joined by commas.
    pub(crate) exclude: Option<String>,
    /// The category that items must be of.
    pub(crate) category: Option<String>,
}

/// Which similar items are meant.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SimilarBy {
    /// Those whose embeddings are nearest by cosine; by codes where there are no embeddings.
    #[default]
    Embedding,
    /// Those that share the longest beginning of the codes.
    Codes,
}

/// Which similar items are meant, behind the question mark.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimilarQuery {
    /// How many items at most, 1 to 20; 10 by default.
    pub(crate) k: Option<usize>,
    /// What makes items similar.
    #[serde(default)]
    pub(crate) by: SimilarBy,
}

/// A batch of users, or a session.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecommendationsRequest {
    /// Original identifiers of users, at most 100. Either this or `history`.
    pub(crate) users: Option<Vec<String>>,
    /// Original identifiers of items, oldest first: the list is decoded live.
    pub(crate) history: Option<Vec<String>>,
    /// How many items at most, 1 to 1000; 10 by default.
    pub(crate) k: Option<usize>,
    /// How many items to leave out at the top; 0 by default.
    pub(crate) offset: Option<usize>,
    /// Items that must not be recommended, by original identifier.
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    /// The category that items must be of.
    pub(crate) category: Option<String>,
}

/// A list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Recommendations {
    /// The user, where the list is a user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// Where the list comes from.
    pub(crate) source: ListSource,
    /// The stage that made the lists.
    pub(crate) model: String,
    /// The run that made the lists.
    pub(crate) run: String,
    /// The list, best first.
    pub(crate) items: Vec<RankedItem>,
    /// The offset of what follows, where the list goes on.
    pub(crate) next_offset: Option<usize>,
}

/// An item of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct RankedItem {
    /// Its place, from 1.
    rank: usize,
    /// Its original identifier.
    id: String,
    /// Its title; empty where none is known.
    title: String,
    /// The model's score; none for popular items.
    score: Option<f32>,
}

/// What became of each user of a batch.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct BatchAnswer {
    /// In the order of the request.
    pub(crate) results: Vec<BatchResult>,
}

/// A list, or why there is none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum BatchResult {
    /// A list.
    List(Recommendations),
    /// No list.
    Failed {
        /// The user.
        user: String,
        /// Why.
        error: String,
    },
}

/// An item with all that is known of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ItemAnswer {
    id: String,
    title: String,
    brand: String,
    /// From wide to narrow.
    categories: Vec<String>,
    /// One code for each level; empty where the model has no codes.
    codes: Vec<u32>,
}

/// An item by its names.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ItemName {
    /// Its original identifier.
    pub(crate) id: String,
    /// Its title; empty where none is known.
    pub(crate) title: String,
}

/// Items like an item, most similar first.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SimilarAnswer {
    /// The item.
    pub(crate) id: String,
    /// What makes them similar.
    pub(crate) by: SimilarBy,
    /// Those items.
    pub(crate) items: Vec<ItemName>,
}

/// A user's history.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct HistoryAnswer {
    /// The user.
    pub(crate) user: String,
    /// Items, oldest first.
    pub(crate) items: Vec<ItemName>,
}

/// Whether the service answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct HealthAnswer {
    /// `live` or `ready`.
    pub(crate) status: &'static str,
}

/// What is served.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct StatusAnswer {
    pub(crate) pipeline: String,
    pub(crate) model: String,
    pub(crate) run: String,
    /// When the lists were made, in seconds since 1970.
    pub(crate) made: u64,
    /// The digest of the artifact with the lists.
    pub(crate) artifact: String,
    pub(crate) users: u64,
    pub(crate) items: usize,
    /// `ready`, `starting`, or why nothing is decoded.
    pub(crate) decoder: String,
    /// Requests answered since the start.
    pub(crate) requests: u64,
    /// Lists answered since the start, by source.
    pub(crate) lists: std::collections::BTreeMap<String, u64>,
}

impl Recommendations {
    /// A list with names.
    pub(crate) fn of(generation: &Generation, found: &Found, user: Option<String>, offset: usize) -> Self {
        let (model, run) = (generation.service.model.clone(), generation.service.run.clone());
        Self::named(&generation.catalogue, (model, run), found, user, offset)
    }

    /// A list with names, of a model and a run.
    pub(super) fn named(
        catalogue: &Catalogue,
        (model, run): (String, String),
        found: &Found,
        user: Option<String>,
        offset: usize,
    ) -> Self {
        let place = |(&(item, score), rank)| {
            let (id, title) =
                catalogue.item(item).map(|item| (item.id.clone(), item.title.clone())).unwrap_or_default();
            RankedItem { rank, id, title, score }
        };
        let items: Vec<RankedItem> = found.items.iter().zip(offset + 1..).map(place).collect();
        let next_offset = found.has_more.then_some(offset + items.len());
        Self { user, source: found.source, model, run, items, next_offset }
    }
}

impl ItemAnswer {
    /// Of an item.
    pub(crate) fn of(item: &ItemRow) -> Self {
        let categories = item.categories.split(',').map(|category| category.trim().to_owned());
        let ItemRow { id, title, brand, codes, .. } = item.clone();
        Self { id, title, brand, codes, categories: categories.filter(|category| !category.is_empty()).collect() }
    }
}

/// An item by its names.
pub(crate) fn name(generation: &Generation, item: u32) -> ItemName {
    let (id, title) =
        generation.catalogue.item(item).map(|item| (item.id.clone(), item.title.clone())).unwrap_or_default();
    ItemName { id, title }
}

/// Items by their names.
pub(crate) fn names(generation: &Generation, items: &[u32]) -> Vec<ItemName> {
    items.iter().map(|&item| name(generation, item)).collect()
}
