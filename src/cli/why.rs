//! `pipe why`: says why a stage would run, or would not.

use crate::cli::arguments::WhyArguments;
use crate::cli::opened::Opened;
use crate::error::Result;
use crate::plan::Wishes;
use crate::report::why::explain;
use std::io::Write as _;

/// Explains one stage.
pub fn why(arguments: &WhyArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let stage = opened.one(&arguments.stage)?;
    let wishes = Wishes { until: Some(arguments.stage.clone()), ..Wishes::default() };
    let selection = opened.select(&wishes)?;
    let against = arguments.against.as_deref().map(|run| opened.store.find_run(run)).transpose()?;
    let explanation = explain(&mut opened.planner(&selection), &opened.store, stage, against.as_ref())?;
    let text = if arguments.pipeline.json { format!("{}\n", explanation.json()) } else { explanation.text() };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}
