//! Errors as RFC 9457 has them: a JSON object that says what is wrong.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// The kinds of errors, each with a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The request cannot be understood.
    BadRequest,
    /// The bearer token is missing or wrong.
    Unauthorized,
    /// There is no such path.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// There is no such user.
    UnknownUser,
    /// There is no such item.
    UnknownItem,
    /// The user has no list, and no fallback made one.
    NoList,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The body is too long.
    BodyTooLarge,
    /// The body is of another type.
    UnsupportedMediaType,
    /// The body is JSON, but not what the route takes.
    InvalidBody,
    /// The path is too long.
    UriTooLong,
    /// The headers are too long or too many.
    HeadersTooLarge,
    /// More requests than allowed.
    TooManyRequests,
    /// A bug.
    Internal,
    /// This service decodes no histories.
    NotLive,
    /// Nothing is loaded yet.
    NotReady,
    /// Too many requests wait for the decoder.
    QueueFull,
    /// The decoder ended while it had the request.
    DecoderLost,
    /// The store is damaged.
    StoreDamaged,
    /// Decoding took too long.
    Deadline,
}

impl ProblemKind {
    /// All of them.
    pub(crate) const ALL: [Self; 21] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnknownUser,
        Self::UnknownItem,
        Self::NoList,
        Self::RequestTimeout,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidBody,
        Self::UriTooLong,
        Self::HeadersTooLarge,
        Self::TooManyRequests,
        Self::Internal,
        Self::NotLive,
        Self::NotReady,
        Self::QueueFull,
        Self::DecoderLost,
        Self::StoreDamaged,
        Self::Deadline,
    ];

    /// Its status, its name in `type`, and its title.
    pub(crate) fn describe(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A bearer token is needed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such path"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path has no such method")
            }
            Self::UnknownUser => (StatusCode::NOT_FOUND, "unknown-user", "There is no such user"),
            Self::UnknownItem => (StatusCode::NOT_FOUND, "unknown-item", "There is no such item"),
            Self::NoList => (StatusCode::NOT_FOUND, "no-list", "The user has no list"),
            Self::RequestTimeout => {
                (StatusCode::REQUEST_TIMEOUT, "request-timeout", "The request did not arrive in time")
            }
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too long"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body must be application/json")
            }
            Self::InvalidBody => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "The body is not what this path takes")
            }
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "uri-too-long", "The path is too long"),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers-too-large",
                "The headers are too long or too many",
            ),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server has a bug"),
            Self::NotLive => (StatusCode::NOT_IMPLEMENTED, "not-live", "This service decodes no histories"),
            Self::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "not-ready", "The service is starting"),
            Self::QueueFull => {
                (StatusCode::SERVICE_UNAVAILABLE, "queue-full", "Too many requests wait for the decoder")
            }
            Self::DecoderLost => {
                (StatusCode::SERVICE_UNAVAILABLE, "decoder-lost", "The decoder ended and starts again")
            }
            Self::StoreDamaged => (StatusCode::SERVICE_UNAVAILABLE, "store-damaged", "The online store is damaged"),
            Self::Deadline => (StatusCode::GATEWAY_TIMEOUT, "deadline", "Decoding took too long"),
        }
    }

    /// Whether the same request may succeed a moment later.
    fn is_passing(self) -> bool {
        matches!(self, Self::TooManyRequests | Self::NotReady | Self::QueueFull | Self::DecoderLost)
    }
}

/// An error as a client gets it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    kind: ProblemKind,
    detail: String,
}

/// The body of an error (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProblemBody {
    /// What kind of error it is, as a URN.
    r#type: String,
    /// The kind as text.
    title: &'static str,
    /// The status of the response.
    status: u16,
    /// What is wrong with this request.
    detail: String,
}

impl Problem {
    /// An error of that kind.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind.describe().0
    }

    /// What is wrong.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// What a client gets.
    pub(crate) fn body(&self) -> ProblemBody {
        let (status, name, title) = self.kind.describe();
        let detail = self.detail.clone();
        ProblemBody { r#type: format!("urn:pipe:problem:{name}"), title, status: status.as_u16(), detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.kind == ProblemKind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.kind.is_passing() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
