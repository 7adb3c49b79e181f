//! The reference for users, made from the code: artifacts, commands, stages with their parameters, and the schema of the file.
//!
//! `artifacts.md`, `commands.md` and `parameters.md` in `docs/reference/` and `docs/pipeline.schema.json` are these texts; a test
//! fails when one is stale.

mod artifacts;
mod commands;
mod schema;
mod stages;

pub use artifacts::artifacts;
pub use commands::commands;
pub use schema::schema;
pub use stages::stages;
pub(super) use stages::traits;

use contract::{ArtifactSchema, Description};

/// The generated files, by their name in `docs/`.
///
/// # Errors
/// A message, when a stage's schema has a form that no parameter of ours has.
pub fn files(descriptions: &[Description], schemas: &[ArtifactSchema]) -> Result<Vec<(&'static str, String)>, String> {
    Ok(vec![
        ("reference/artifacts.md", artifacts(schemas)),
        ("reference/commands.md", commands()),
        ("reference/parameters.md", stages(descriptions)?),
        ("pipeline.schema.json", schema(descriptions)),
    ])
}
