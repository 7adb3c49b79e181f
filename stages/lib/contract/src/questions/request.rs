//! The form of every request, and the check that runner and worker have one version of the protocol.

use crate::failure::{Failure, FailureKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of requests and answers. Raise it with every change that the other side could misread.
pub const PROTOCOL: u32 = 3;

/// A request as it is sent, with the version of the protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request<T> {
    protocol: u32,
    request: T,
}

impl<T: Serialize> Request<T> {
    /// A request in the current version.
    pub fn new(request: T) -> Self {
        Self { protocol: PROTOCOL, request }
    }
}

/// The version is checked before the rest is read, which another version may have in another form.
#[derive(Deserialize)]
struct Received {
    protocol: u32,
    request: Box<RawValue>,
}

/// Reads a request that was sent as a [`Request`].
///
/// # Errors
/// When the text is no request, has another version of the protocol, or is not of this form.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    let mismatch = |message: String| {
        Failure::new(FailureKind::Protocol, message).hint("build pipe and pipe-worker from the same sources")
    };
    let received: Received = serde_json::from_str(text).map_err(|error| {
        mismatch(format!("the standard input is not a request {{\"protocol\": {PROTOCOL}, \"request\": ...}}: {error}"))
    })?;
    if received.protocol != PROTOCOL {
        return Err(mismatch(format!("the request has protocol {}, expected {PROTOCOL}", received.protocol)));
    }
    serde_json::from_str(received.request.get())
        .map_err(|error| mismatch(format!("the request does not have the expected form: {error}")))
}
