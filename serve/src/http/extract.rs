//! Parts of requests, whose faults are answered as problems.

use super::problem::{Problem, ProblemKind};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The parameters of a path.
pub(crate) struct Path<T>(pub(crate) T);

/// The parameters behind the question mark.
pub(crate) struct Query<T>(pub(crate) T);

/// A body of JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let refused = |fault: PathRejection| Problem::new(ProblemKind::BadRequest, fault.body_text());
        found.map(|axum::extract::Path(value)| Self(value)).map_err(refused)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let refused = |fault: QueryRejection| Problem::new(ProblemKind::BadRequest, fault.body_text());
        found.map(|axum::extract::Query(value)| Self(value)).map_err(refused)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let found = axum::Json::<T>::from_request(request, state).await;
        let refused = |fault: JsonRejection| {
            let kind = match fault.status() {
                StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::BodyTooLarge,
                StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::UnsupportedMediaType,
                StatusCode::UNPROCESSABLE_ENTITY => ProblemKind::InvalidBody,
                _ => ProblemKind::BadRequest,
            };
            Problem::new(kind, fault.body_text())
        };
        found.map(|axum::Json(value)| Self(value)).map_err(refused)
    }
}
