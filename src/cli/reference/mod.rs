//! The reference for users, made from the code: commands, stages with their parameters, and the schema of the file.
//!
//! `docs/commands.md`, `docs/parameters.md` and `docs/pipeline.schema.json` are these texts; a test fails when one is stale.

mod commands;
mod schema;
mod stages;

pub use commands::commands;
pub use schema::schema;
pub use stages::stages;
pub(super) use stages::traits;

use contract::Description;

/// The generated files, by their name in `docs/`.
///
/// # Errors
/// In words, when a stage's schema has a form that no parameter of ours has.
pub fn files(descriptions: &[Description]) -> Result<Vec<(&'static str, String)>, String> {
    Ok(vec![
        ("commands.md", commands()),
        ("parameters.md", stages(descriptions)?),
        ("pipeline.schema.json", schema(descriptions)),
    ])
}
