//! All paths: what answers them, and how OpenAPI describes them.

use super::answers::{
    BatchAnswer, HealthAnswer, HistoryAnswer, ItemAnswer, ListQuery, Recommendations, RecommendationsRequest,
    SimilarAnswer, SimilarQuery, StatusAnswer,
};
use super::openapi::{Description, Operation};
use super::problem::{Problem, ProblemKind};
use super::{health, items, layers, recommendations};
use crate::app::App;
use crate::page;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::sync::Arc;

const USER: &str = "/v1/users/{id}/recommendations";
const MANY: &str = "/v1/recommendations";
const ITEM: &str = "/v1/items/{id}";
const SIMILAR: &str = "/v1/items/{id}/similar";
const HISTORY: &str = "/v1/users/{id}/history";
const STATUS: &str = "/v1/status";
const LIVE: &str = "/health/live";
const READY: &str = "/health/ready";
const METRICS: &str = "/metrics";
const OPENAPI: &str = "/openapi.json";
const PAGE: &str = "/";

/// All of them.
pub(crate) static PATHS: [&str; 11] = [USER, MANY, ITEM, SIMILAR, HISTORY, STATUS, LIVE, READY, METRICS, OPENAPI, PAGE];

/// What answers requests.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(USER, get(recommendations::of_user))
        .route(MANY, post(recommendations::of_many))
        .route(ITEM, get(items::item))
        .route(SIMILAR, get(items::similar))
        .route(HISTORY, get(items::history))
        .route(STATUS, get(health::status))
        .route(LIVE, get(health::live))
        .route(READY, get(health::ready))
        .route(METRICS, get(health::metrics))
        .route(OPENAPI, get(openapi))
        .route(PAGE, get(page::page))
        .fallback(async || Problem::new(ProblemKind::NotFound, "there is no such path; /openapi.json lists all"))
        .method_not_allowed_fallback(async || {
            Problem::new(ProblemKind::MethodNotAllowed, "the path has no such method; /openapi.json lists all")
        })
        .layer(DefaultBodyLimit::max(app.arguments.max_body))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), layers::observe))
        .with_state(Arc::clone(app))
}

async fn openapi() -> axum::Json<serde_json::Value> {
    axum::Json(description())
}

/// The OpenAPI description of all paths that answer JSON.
fn description() -> serde_json::Value {
    let mut all = Description::new();
    let unknown_user =
        &[ProblemKind::BadRequest, ProblemKind::UnknownUser, ProblemKind::UnknownItem, ProblemKind::NoList];
    let live = &[
        ProblemKind::NotLive,
        ProblemKind::QueueFull,
        ProblemKind::DecoderLost,
        ProblemKind::Deadline,
        ProblemKind::StoreDamaged,
    ];
    let lists = [&unknown_user[..], live].concat();
    let user = Operation::get(USER, "The list of a user").parameter("id", "The user's original identifier");
    all.add(user.query::<ListQuery>().answers::<Recommendations>().fails(&lists));
    let bodies = [ProblemKind::BodyTooLarge, ProblemKind::UnsupportedMediaType, ProblemKind::InvalidBody];
    let many = Operation::post(MANY, "The lists of several users, or a list for a history that is decoded live");
    all.add(
        many.body::<RecommendationsRequest>()
            .answers::<Recommendations>()
            .or_answers::<BatchAnswer>()
            .fails(&[&lists[..], &bodies].concat()),
    );
    let item = Operation::get(ITEM, "An item").parameter("id", "The item's original identifier");
    all.add(item.answers::<ItemAnswer>().fails(&[ProblemKind::UnknownItem]));
    let similar = Operation::get(SIMILAR, "Items like an item").parameter("id", "The item's original identifier");
    let faults = [ProblemKind::BadRequest, ProblemKind::UnknownItem];
    all.add(similar.query::<SimilarQuery>().answers::<SimilarAnswer>().fails(&faults));
    let history = Operation::get(HISTORY, "The history of a user").parameter("id", "The user's original identifier");
    all.add(history.answers::<HistoryAnswer>().fails(&[ProblemKind::UnknownUser, ProblemKind::StoreDamaged]));
    all.add(Operation::get(STATUS, "What is served").answers::<StatusAnswer>().fails(&[ProblemKind::NotReady]));
    all.add(Operation::get(LIVE, "Whether the process answers").answers::<HealthAnswer>());
    all.add(
        Operation::get(READY, "Whether lists are loaded").answers::<HealthAnswer>().fails(&[ProblemKind::NotReady]),
    );
    all.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_every_path_that_answers_json_and_all_of_its_references_resolve() {
        let description = description();
        assert_eq!(description["openapi"], "3.1.0");
        let paths: Vec<&String> = description["paths"].as_object().unwrap().keys().collect();
        for path in PATHS.iter().filter(|path| ![METRICS, OPENAPI, PAGE].contains(path)) {
            assert!(paths.iter().any(|known| known == path), "{path}");
        }
        let text = description.to_string();
        let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        let mut count = 0;
        for reference in references {
            assert!(description.pointer(reference).is_some(), "{reference}");
            count += 1;
        }
        assert!(count > 10, "{text}");
    }
}
