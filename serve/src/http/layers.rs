//! What happens to every request: its name, the token, the rate, the time limit, counting and logging.

use super::problem::{Problem, ProblemKind};
use crate::app::App;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;

/// The name of a request, which a client may give.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name of a request that is taken over.
const LONGEST_ID: usize = 64;

/// Names, checks, counts and logs a request.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = route(&request);
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_plain(id)).cloned();
    let id = id.or_else(|| HeaderValue::from_str(&app.request_id()).ok());
    let (method, path) =
        (request.method().clone(), app.arguments.log_requests.then(|| request.uri().path().to_owned()));
    let mut response = match refuse(&app, &request, route) {
        Some(problem) => problem.into_response(),
        // Without a body there is nothing to wait for but the decoder, which has a deadline.
        None if method == Method::GET => next.run(request).await,
        None => match tokio::time::timeout(limit(&app), next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(ProblemKind::RequestTimeout, "the request took too long").into_response(),
        },
    };
    let (status, time) = (response.status().as_u16(), start.elapsed());
    app.metrics.request(route, status, time);
    let name = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    if status >= 500 || app.arguments.log_requests {
        let ms = time.as_secs_f64() * 1e3;
        tracing::info!(request = name, method = %method, route, path, status, ms, "request");
    }
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// How long a request may take: the time to arrive, and the time to decode.
fn limit(app: &App) -> Duration {
    app.arguments.read_timeout() + app.arguments.deadline()
}

/// The route of a request; those that match none share a name.
fn route(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    matched.and_then(|path| super::routes::PATHS.iter().find(|known| **known == path)).copied().unwrap_or("none")
}

fn refuse(app: &App, request: &Request, route: &str) -> Option<Problem> {
    if route.starts_with("/health/") {
        return None;
    }
    if !allows(app.arguments.rate) {
        let message = format!("more than {} requests a second", app.arguments.rate);
        return Some(Problem::new(ProblemKind::TooManyRequests, message));
    }
    let expected = app.token.as_ref()?;
    let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    (!is_token(given, expected)).then(|| {
        Problem::new(ProblemKind::Unauthorized, "the header 'Authorization: Bearer TOKEN' is missing or wrong")
    })
}

/// Whether a header has the token of that digest. Every wrong one takes the same way: digests are of one length and are compared whole,
/// so that the time tells nothing of how much of a token is right.
fn is_token(header: &[u8], expected: &blake3::Hash) -> bool {
    let given = blake3::hash(header.strip_prefix(b"Bearer ").unwrap_or_default());
    bool::from(given.as_bytes().ct_eq(expected.as_bytes()))
}

/// Whether one more request stays below the rate: a bucket of one second's requests, filled evenly.
fn allows(rate: u32) -> bool {
    static BUCKET: Mutex<Option<(f64, Instant)>> = Mutex::new(None);
    if rate == 0 {
        return true;
    }
    let rate = f64::from(rate);
    let mut bucket = BUCKET.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let (left, filled) = bucket.unwrap_or((rate, now));
    let left = (left + rate * (now - filled).as_secs_f64()).min(rate);
    *bucket = Some((if left >= 1.0 { left - 1.0 } else { left }, now));
    left >= 1.0
}

/// Whether a name may be in logs and headers.
fn is_plain(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    !id.is_empty() && id.len() <= LONGEST_ID && id.as_bytes().iter().all(is_plain)
}
