//! From errors of the client to failures that `pipe` understands, without anything secret.

use object_store::Error;
use remote_protocol::{Failure, FailureKind};

/// The longest part of a message that is handed on.
const LONGEST: usize = 300;

/// The failure that an error means.
pub(crate) fn failure(error: &Error) -> Failure {
    let text = error.to_string();
    if let Some(failure) = no_bucket(&text) {
        return failure;
    }
    match error {
        // An answer to a wrong signature repeats parts of the request, so only its code is handed on.
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            let code = code(&text).unwrap_or("AccessDenied");
            Failure::new(FailureKind::Refused, format!("the server refused the request: {code}"))
        }
        _ if text.contains("169.254.") => Failure::new(
            FailureKind::NoCredentials,
            "there are no credentials, and this machine has no role that gives some".to_owned(),
        ),
        _ => {
            let reason = match code(&text) {
                Some(code) => format!("the server answers {code}"),
                None => shortened(&chain(error)),
            };
            Failure::new(FailureKind::Unreachable, reason)
        }
    }
}

/// The failure where a message says that there is no bucket.
pub(crate) fn no_bucket(text: &str) -> Option<Failure> {
    let codes = ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"];
    codes.iter().any(|code| text.contains(code)).then(|| Failure::new(FailureKind::NoBucket, "there is no such bucket"))
}

/// Whether the same request may succeed a moment later.
pub(crate) fn is_transient(error: &Error) -> bool {
    matches!(error, Error::Generic { .. } | Error::JoinError { .. }) && failure(error).kind == FailureKind::Unreachable
}

/// The code in an answer in XML.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    (code.len() < 64 && code.chars().all(|letter| letter.is_ascii_alphanumeric())).then_some(code)
}

/// The messages of an error and of what caused it, each once.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}

/// One line of bounded length.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(text: &str) -> Error {
        Error::PermissionDenied { path: "records/a".to_owned(), source: text.to_owned().into() }
    }

    #[test]
    fn a_refusal_names_its_code_and_nothing_of_the_request() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKSECRET</AWSAccessKeyId></Error>";
        let failure = failure(&denied(body));
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains("SignatureDoesNotMatch") && !failure.message.contains("AKSECRET"));
    }

    #[test]
    fn a_missing_bucket_is_told_from_a_missing_object() {
        assert_eq!(no_bucket("<Code>NoSuchBucket</Code>").map(|failure| failure.kind), Some(FailureKind::NoBucket));
        assert!(no_bucket("<Code>NoSuchKey</Code>").is_none());
    }
}
