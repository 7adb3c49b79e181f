//! An error for people and for programs: what is wrong, the line of the file where it is, and the way out.

use crate::error::Error;
use crate::source::Place;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

/// The styled text of an error.
pub fn diagnostic(error: &Error) -> String {
    let title = error.to_string();
    let hint = error.hint();
    let mut group = Group::with_title(Level::ERROR.primary_title(title.as_str()));
    if let Some(Place { source, span }) = error.place() {
        let (text, path) = source.shown();
        let span = span.start.min(text.len())..span.end.min(text.len());
        group = group.element(Snippet::source(text).path(path).annotation(AnnotationKind::Primary.span(span)));
    }
    if let Some(hint) = &hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    Renderer::styled().render(&[group])
}

/// The error as one JSON object: the event `error` with its exit code, message, hint and place.
pub fn diagnostic_json(error: &Error) -> Value {
    let mut event = json!({
        "event": "error", "code": error.exit_code(), "message": error.to_string(), "hint": error.hint(),
    });
    if let Some(Place { source, span }) = error.place() {
        let (text, file) = source.shown();
        let before = text.get(..span.start).unwrap_or(text);
        event["file"] = file.into();
        event["line"] = (before.matches('\n').count() + 1).into();
        event["column"] = (before.chars().rev().take_while(|letter| *letter != '\n').count() + 1).into();
    }
    event
}
