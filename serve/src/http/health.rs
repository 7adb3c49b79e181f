//! Whether the service answers, what it serves, and what it counts.

use super::answers::{HealthAnswer, StatusAnswer};
use super::problem::Problem;
use crate::app::App;
use crate::generation::Generation;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// `GET /health/live`: the process answers.
pub(super) async fn live() -> Json<HealthAnswer> {
    Json(HealthAnswer { status: "live" })
}

/// `GET /health/ready`: lists are loaded.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<HealthAnswer>, Problem> {
    app.generation().map(|_| Json(HealthAnswer { status: "ready" }))
}

/// `GET /v1/status`
pub(super) async fn status(State(app): State<Arc<App>>) -> Result<Json<StatusAnswer>, Problem> {
    let generation = app.generation()?;
    Ok(Json(status_of(&app, &generation)))
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text(app.current.get().as_deref());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

/// What is served.
pub(crate) fn status_of(app: &App, generation: &Generation) -> StatusAnswer {
    let service = &generation.service;
    let decoder = match &generation.decoder {
        Ok(decoder) if decoder.is_ready() => "ready".to_owned(),
        Ok(_) => "starting".to_owned(),
        Err(reason) => reason.clone(),
    };
    StatusAnswer {
        pipeline: service.pipeline.clone(),
        model: service.model.clone(),
        run: service.run.clone(),
        made: service.made,
        artifact: service.artifact.clone(),
        users: generation.store.users(),
        items: generation.catalogue.len(),
        decoder,
        requests: app.metrics.requests(),
        lists: app.metrics.totals().into_iter().map(|(source, count)| (source.to_owned(), count)).collect(),
    }
}
