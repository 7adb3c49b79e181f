//! Two models by the ranks that they gave each user: what `pipe` asks of the worker because it reads no Parquet itself.

use contract::{Failure, FailureKind, Result};
use metrics::compare::{Request, compare};
use serde_json::Value;

/// Answers a [`Request`] in JSON by an answer in JSON.
///
/// # Errors
/// When the text is no request, or what it asks cannot be compared.
pub(crate) fn answer(request: &str) -> Result<Value> {
    let request: Request = serde_json::from_str(request).map_err(|error| {
        let message = format!("the standard input is no request to compare: {error}");
        Failure::new(FailureKind::Conflict, message).hint(
            "expected {\"pairs\": [{\"a\": ..., \"b\": ..., \"metrics\": [\"HR@10\"]}]}; docs/stages.md has the form",
        )
    })?;
    serde_json::to_value(compare(&request)?).map_err(|error| Failure::other("write the answer", error))
}
