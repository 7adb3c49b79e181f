//! Items, items like an item, and histories of users.

use super::answers::{HistoryAnswer, ItemAnswer, SimilarAnswer, SimilarBy, SimilarQuery, names};
use super::extract::{Path, Query};
use super::problem::{Problem, ProblemKind};
use crate::app::App;
use crate::generation::Generation;
use crate::recommending::user;
use axum::Json;
use axum::extract::State;
use contract::questions::ItemRow;
use std::sync::Arc;

/// How many similar items are answered where the request does not say, and at most.
const COUNT: (usize, usize) = (10, 20);

/// `GET /v1/items/{id}`
pub(super) async fn item(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<ItemAnswer>, Problem> {
    let generation = app.generation()?;
    Ok(Json(ItemAnswer::of(known(&generation, &id)?)))
}

/// `GET /v1/items/{id}/similar`
pub(super) async fn similar(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<SimilarQuery>,
) -> Result<Json<SimilarAnswer>, Problem> {
    let generation = app.generation()?;
    let item = known(&generation, &id)?;
    let count = query.k.unwrap_or(COUNT.0);
    if !(1..=COUNT.1).contains(&count) {
        return Err(Problem::new(ProblemKind::BadRequest, format!("k is {count}, expected 1 to {}", COUNT.1)));
    }
    let (by, items) = similar_items(item, query.by);
    Ok(Json(SimilarAnswer { id, by, items: names(&generation, &items[..count.min(items.len())]) }))
}

/// `GET /v1/users/{id}/history`
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<HistoryAnswer>, Problem> {
    let generation = app.generation()?;
    let unknown = || Problem::new(ProblemKind::UnknownUser, format!("there is no user '{id}'"));
    let record = user(&generation, &id)?.ok_or_else(unknown)?;
    Ok(Json(HistoryAnswer { items: names(&generation, &record.history), user: id }))
}

/// The items like an item, and what makes them similar: the codes where there are no embeddings.
pub(crate) fn similar_items(item: &ItemRow, by: SimilarBy) -> (SimilarBy, &[u32]) {
    match by {
        SimilarBy::Embedding if !item.by_embedding.is_empty() => (by, &item.by_embedding),
        _ => (SimilarBy::Codes, &item.by_codes),
    }
}

fn known<'a>(generation: &'a Generation, id: &str) -> Result<&'a ItemRow, Problem> {
    let item = generation.catalogue.number(id).and_then(|number| generation.catalogue.item(number));
    item.ok_or_else(|| Problem::new(ProblemKind::UnknownItem, format!("there is no item '{id}'")))
}
