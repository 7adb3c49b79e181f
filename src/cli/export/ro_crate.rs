//! `pipe export ro-crate`: current results as a research object.

use crate::cli::export::output::refuse_existing;
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::cli::target::{Target, exported};
use crate::error::{Error, Result};
use crate::report::export::ro_crate::{self, Crate};
use crate::terminal::{Steps, print_line, size};
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Current results as an RO-Crate: plain copies, with a description of what made each in JSON-LD.
#[derive(Debug, Args)]
pub(crate) struct RoCrateArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// Which stages or outputs; all when none is named.
    #[arg(value_name = "STAGE[.OUTPUT]")]
    pub(super) stages: Vec<String>,
    /// The folder to write, which must not be there yet.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
    /// The licence of the data, as an address.
    #[arg(long, value_name = "URL", default_value = ro_crate::NO_LICENCE)]
    pub(super) licence: String,
}

/// Copies the results and describes them.
pub(super) fn export(arguments: &RoCrateArguments) -> Result<()> {
    let output = &arguments.output;
    refuse_existing(output)?;
    let session = Session::open(&arguments.pipeline)?;
    let targets = Target::of(&session, &arguments.stages)?;
    let _lock = session.store.lock_shared()?;
    let results = exported(&session, targets)?;
    let store = session.store.clone().watched(Arc::new(Steps::new("export")));
    let (files, bytes) = store.export(&results, output)?;
    let text = fs_err::read_to_string(&session.file).map_err(|error| Error::io("reading", &session.file, error))?;
    let described =
        Crate { pipeline: &session.graph.pipeline, text: &text, results: &results, licence: &arguments.licence };
    described.write(output)?;
    print_line(if arguments.pipeline.output.json {
        json!({ "folder": output, "files": files, "bytes": bytes }).to_string()
    } else {
        format!("{files} files ({}) and their description are in {}", size(bytes), output.display())
    });
    Ok(())
}
