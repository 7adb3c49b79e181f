//! Lists of users and of histories.

use super::answers::{BatchAnswer, BatchResult, ListQuery, Recommendations, RecommendationsRequest};
use super::extract::{Json, Path, Query};
use super::problem::{Problem, ProblemKind};
use super::rendering;
use crate::app::App;
use crate::generation::Generation;
use crate::recommending::{Cut, for_history, for_user, item_numbers};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// How many items a list has where the request does not say.
const COUNT: usize = 10;
/// How many items a list may have.
const MOST: usize = 1000;
/// How far down a list may begin.
const DEEPEST: usize = 1_000_000;
/// How many users, items of a history, or excluded items a request may have.
const LONGEST: usize = 100;
const LONGEST_HISTORY: usize = 1000;

/// `GET /v1/users/{id}/recommendations`
pub(super) async fn of_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let generation = app.generation()?;
    let exclude: Vec<String> = query.exclude.iter().flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    let cut = cut(&generation, query.k, query.offset, &exclude, query.category)?;
    let found = for_user(&app, &generation, &id, &cut).await?;
    let body = rendering::body(&generation.catalogue, &generation.service, &found, &id, cut.offset);
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// `POST /v1/recommendations`
pub(super) async fn of_many(
    State(app): State<Arc<App>>,
    Json(request): Json<RecommendationsRequest>,
) -> Result<Response, Problem> {
    let generation = app.generation()?;
    let cut = cut(&generation, request.k, request.offset, &request.exclude, request.category)?;
    match (request.users, request.history) {
        (Some(users), None) => {
            at_most("users", users.len(), LONGEST)?;
            let mut results = Vec::with_capacity(users.len());
            for user in users {
                results.push(match for_user(&app, &generation, &user, &cut).await {
                    Ok(found) => BatchResult::List(Recommendations::of(&generation, &found, Some(user), cut.offset)),
                    Err(problem) => BatchResult::Failed { user, error: problem.detail().to_owned() },
                });
            }
            Ok(axum::Json(BatchAnswer { results }).into_response())
        }
        (None, Some(history)) => {
            at_most("history", history.len(), LONGEST_HISTORY)?;
            let history = item_numbers(&generation, &history)?;
            let found = for_history(&app, &generation, history, &cut).await?;
            Ok(axum::Json(Recommendations::of(&generation, &found, None, cut.offset)).into_response())
        }
        _ => Err(Problem::new(ProblemKind::InvalidBody, "the body must have either 'users' or 'history'")),
    }
}

/// How a list is cut, where the numbers allow it.
pub(crate) fn cut(
    generation: &Generation,
    count: Option<usize>,
    offset: Option<usize>,
    exclude: &[String],
    category: Option<String>,
) -> Result<Cut, Problem> {
    let (count, offset) = (count.unwrap_or(COUNT), offset.unwrap_or(0));
    if !(1..=MOST).contains(&count) {
        return Err(Problem::new(ProblemKind::BadRequest, format!("k is {count}, expected 1 to {MOST}")));
    }
    at_most("offset", offset, DEEPEST)?;
    at_most("exclude", exclude.len(), LONGEST_HISTORY)?;
    let exclude = item_numbers(generation, exclude)?;
    Ok(Cut { count, offset, exclude, category })
}

fn at_most(name: &str, found: usize, most: usize) -> Result<(), Problem> {
    if found <= most {
        return Ok(());
    }
    let message = if name == "offset" {
        format!("offset is {found}, expected at most {most}")
    } else {
        format!("'{name}' has {found} entries, expected at most {most}")
    };
    Err(Problem::new(ProblemKind::BadRequest, message))
}
