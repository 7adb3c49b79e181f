//! `pipe plan`: says what would run, and why.

use crate::cli::arguments::PlanArguments;
use crate::cli::lock::locked;
use crate::cli::opened::Opened;
use crate::error::{Error, Result};
use crate::plan::{Planned, Planner, Point};
use crate::store::StageState;
use petgraph::graph::NodeIndex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
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
    let names = plan.iter().map(|planned| opened.graph.stages[planned.stage].name.as_str().len());
    let width = names.max().unwrap_or(0).max(12);
    for planned in &plan {
        let name = &opened.graph.stages[planned.stage].name;
        let (state, reason) = (planned.outlook.state(), planned.outlook.reason());
        let line = if as_json {
            json!({ "event": "stage", "stage": name, "status": state, "reason": reason }).to_string()
        } else {
            format!("{name:<width$} {state:<8} {reason}").trim_end().to_owned()
        };
        // Nobody may be reading any more.
        drop(writeln!(out, "{line}"));
    }
    let last = if as_json { total(opened, &plan).to_string() } else { summary(opened, &plan) };
    drop(writeln!(out, "{last}"));
    let missing = planner.missing()?;
    if missing.is_empty() { Ok(()) } else { Err(Error::Missing(missing)) }
}

fn to_run(plan: &[Planned]) -> usize {
    plan.iter().filter(|planned| planned.outlook.state() != StageState::Cached).count()
}

/// How many stages the points ask for, one by one.
fn asked(opened: &Opened, plan: &[Planned]) -> usize {
    let planned: BTreeSet<NodeIndex> = plan.iter().map(|planned| planned.stage).collect();
    let of = |point: &Point| point.stages.values().filter(|stage| planned.contains(stage)).count();
    opened.graph.points.iter().map(of).sum()
}

fn total(opened: &Opened, plan: &[Planned]) -> Value {
    json!({
        "event": "plan", "points": opened.graph.points.len(), "asked": asked(opened, plan), "distinct": plan.len(),
        "run": to_run(plan),
    })
}

fn summary(opened: &Opened, plan: &[Planned]) -> String {
    let (points, runs) = (opened.graph.points.len(), to_run(plan));
    let state = format!("{} cached, {runs} to run", plan.len() - runs);
    if points < 2 {
        return format!("{} stages, {state}", plan.len());
    }
    format!("{points} points ask for {} stages; {} distinct, {state}", asked(opened, plan), plan.len())
}
