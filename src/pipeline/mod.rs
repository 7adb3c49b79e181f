//! A pipeline as its author wrote it: found, read and checked for form, with the place of everything remembered.

mod locate;
mod model;
mod overrides;
mod parse;
mod paths;
mod place;
mod values;

pub use locate::{Located, locate, project};
pub use model::{CommandEntry, Pipeline, Resources, Setting, StageEntry};
pub use overrides::apply;
pub(crate) use parse::COMMAND;
pub use parse::parse;
pub use paths::resolve;
pub use place::{Place, Placed, Source};
pub use values::bytes;

use crate::error::{Error, Result};
use std::sync::Arc;

/// Finds, reads and parses a pipeline, then applies the `--set` arguments.
pub fn load(asked: &str, settings: &[String]) -> Result<(Located, Pipeline)> {
    let located = locate(asked)?;
    let text = fs_err::read_to_string(&located.file).map_err(|error| Error::io("reading", &located.file, error))?;
    let source = Arc::new(Source::File { path: located.shown.clone(), text });
    let mut pipeline = parse(&source)?;
    for setting in settings {
        apply(&mut pipeline, setting)?;
    }
    Ok((located, pipeline))
}
