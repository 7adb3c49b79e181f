//! An error for people: what is wrong, the line of the file where it is, and the way out.

use crate::error::Error;
use crate::source::{Place, Source};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The styled text of an error.
pub fn diagnostic(error: &Error) -> String {
    let title = error.to_string();
    let hint = error.hint();
    let mut group = Group::with_title(Level::ERROR.primary_title(title.as_str()));
    if let Some(Place { source, span }) = error.place() {
        let (text, path) = match &**source {
            Source::File { path, text } => (text.as_str(), path.display().to_string()),
            Source::Argument(text) => (text.as_str(), "--set".to_owned()),
        };
        let span = span.start.min(text.len())..span.end.min(text.len());
        group = group.element(Snippet::source(text).path(path).annotation(AnnotationKind::Primary.span(span)));
    }
    if let Some(hint) = &hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    Renderer::styled().render(&[group])
}
