//! `pipe why`: says why a stage would run, or would not.

use crate::cli::completion;
use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::Result;
use crate::plan::SelectionOptions;
use crate::report::why::explain;
use crate::terminal::print;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

/// Say why a stage would run, or would not: what changed, and where that comes from.
#[derive(Debug, Args)]
pub(crate) struct WhyArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// The stage.
    #[arg(add = ArgValueCandidates::new(completion::stages))]
    pub(super) stage: String,
    /// Compare with this run instead of the newest result: a run's name or its beginning, latest, or latest~N.
    #[arg(long, value_name = "RUN", add = ArgValueCandidates::new(completion::runs))]
    pub(super) against: Option<String>,
}

/// Explains one stage.
pub(super) fn why(arguments: &WhyArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let stage = session.one(&arguments.stage)?;
    let options = SelectionOptions { until: Some(arguments.stage.clone()), ..SelectionOptions::default() };
    let selection = session.select(&options)?;
    let against = arguments.against.as_deref().map(|run| session.store.find_run(run)).transpose()?;
    let explanation = explain(&mut session.planner(&selection), &session.store, stage, against.as_ref())?;
    let text = if arguments.pipeline.output.json { format!("{}\n", explanation.json()) } else { explanation.text() };
    print(&text);
    Ok(())
}
