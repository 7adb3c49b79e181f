//! `pipe plan`: says what would run, and why.

use crate::arguments::PlanArguments;
use crate::commands::lock::locked;
use crate::commands::opened::Opened;
use crate::error::{Error, Result};
use crate::names::StageName;
use crate::plan::{Planned, Planner, Verdict};
use serde_json::json;
use std::io::Write as _;

/// Plans a pipeline and runs nothing.
pub fn plan(arguments: &PlanArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let selection = opened.select(&arguments.selection.wishes())?;
    let mut planner = opened.planner(&selection);
    if arguments.locked {
        locked(&opened, &mut planner, arguments.pipeline.json)?;
    }
    show(&opened, &mut planner, arguments.pipeline.json)
}

/// Prints what would become of each stage.
///
/// # Errors
/// When something is missing, after everything has been printed.
pub(super) fn show(opened: &Opened, planner: &mut Planner<'_>, as_json: bool) -> Result<()> {
    let share = opened.store.share()?;
    let plan = planner.plan()?;
    drop(share);
    let mut out = std::io::stdout().lock();
    for planned in &plan {
        let name = &opened.graph.stages[planned.stage].name;
        let (status, reason) = words(planned);
        let line = if as_json {
            json!({ "event": "stage", "stage": name, "status": status, "reason": reason }).to_string()
        } else {
            format!("{name:<12} {status:<8} {reason}").trim_end().to_owned()
        };
        // Nobody may be reading any more.
        drop(writeln!(out, "{line}"));
    }
    let runs = plan.iter().filter(|planned| !matches!(planned.verdict, Verdict::Hit)).count();
    let last = if as_json {
        json!({ "event": "plan", "points": 1, "asked": plan.len(), "distinct": plan.len(), "run": runs }).to_string()
    } else {
        format!("{} stages, {} up to date, {runs} to run", plan.len(), plan.len() - runs)
    };
    drop(writeln!(out, "{last}"));
    let missing = planner.missing()?;
    if missing.is_empty() { Ok(()) } else { Err(Error::Missing(missing)) }
}

/// The status of a planned stage in one word, and its reason.
pub(super) fn words(planned: &Planned) -> (&'static str, String) {
    match &planned.verdict {
        Verdict::Hit => ("hit", String::new()),
        Verdict::Run(reason) => ("run", reason.to_string()),
        Verdict::Depends(upstream) => {
            let names: Vec<&str> = upstream.iter().map(StageName::as_str).collect();
            ("depends", format!("on what {} will make", names.join(", ")))
        }
        Verdict::Missing(missing) => ("missing", missing.join(", ")),
    }
}
