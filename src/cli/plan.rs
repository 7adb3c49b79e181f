//! `pipe plan`: says what would run, and why.

use crate::cli::lock::locked;
use crate::cli::options::{PipelineArguments, SelectionArguments};
use crate::cli::search;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::pipeline::Search;
use crate::plan::{Outlook, Planned, Planner, Point};
use crate::store::StageState;
use crate::terminal::{print, print_line};
use clap::Args;
use petgraph::graph::NodeIndex;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Say what would run, and why; run nothing.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// Fail when a stage is not what the pipeline's lock says.
    #[arg(long)]
    pub(super) locked: bool,
}

/// Plans a pipeline and runs nothing.
pub(super) fn plan(arguments: &PlanArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    if let Some(wanted) = search::wanted(&session, &arguments.pipeline, &arguments.selection) {
        return plan_search(&arguments.pipeline, &arguments.selection, &session, wanted);
    }
    let selection = session.select(&arguments.selection.options())?;
    let mut planner = session.planner(&selection);
    if arguments.locked {
        locked(&session, &mut planner, arguments.pipeline.output.json)?;
    }
    show(&session, &mut planner, arguments.pipeline.output.json)
}

/// Prints the plan of the trials of a search and, once all of them have their numbers, that of the best one.
///
/// # Errors
/// When something is missing, after everything has been printed.
pub(super) fn plan_search(
    pipeline: &PipelineArguments,
    selection: &SelectionArguments,
    session: &Session,
    search: &Search,
) -> Result<()> {
    let as_json = pipeline.output.json;
    let trial = search::trial_selection(session, search, selection)?;
    show(session, &mut session.planner(&trial), as_json)?;
    let trials = search::current(session, search, &trial)?;
    if let Some(pending) = trials.pending(as_json) {
        print_line(pending);
        return Ok(());
    }
    trials.print(as_json);
    let (chosen, selection) = search::best(pipeline, selection, session, &trial, trials.best(search)?)?;
    show(&chosen, &mut chosen.planner(&selection), as_json)
}

/// Prints what would become of each stage.
///
/// # Errors
/// When something is missing, after everything has been printed.
pub(super) fn show(session: &Session, planner: &mut Planner<'_>, as_json: bool) -> Result<()> {
    let lock = session.store.lock_shared()?;
    let plan = planner.plan()?;
    drop(lock);
    let mut text = String::new();
    let names = plan.iter().map(|planned| session.graph.stages[planned.stage].name.as_str().len());
    let width = names.max().unwrap_or(0).max(12);
    for planned in &plan {
        let name = &session.graph.stages[planned.stage].name;
        let (state, reason) = (planned.outlook.state(), planned.outlook.reason());
        let line = if as_json {
            let event = json!({ "event": "stage", "stage": name, "status": state, "reason": reason });
            with_checkpoint(event, planned).to_string()
        } else {
            let checkpoint = if planned.has_checkpoint { "; goes on from a checkpoint" } else { "" };
            format!("{name:<width$} {state:<8} {reason}{checkpoint}").trim_end().to_owned()
        };
        text += &format!("{line}\n");
    }
    let to_run = plan.iter().filter(|planned| matches!(planned.outlook, Outlook::Run(_)));
    let notes: BTreeSet<String> = to_run.flat_map(|planned| planner.notes(planned.stage)).collect();
    for note in &notes {
        let line =
            if as_json { json!({ "event": "note", "message": note }).to_string() } else { format!("note: {note}") };
        text += &format!("{line}\n");
    }
    let last = if as_json { total(session, &plan).to_string() } else { summary(session, &plan) };
    print(&format!("{text}{last}\n"));
    let missing = planner.missing()?;
    if missing.is_empty() { Ok(()) } else { Err(Error::Missing(missing)) }
}

/// The event of a stage, with `checkpoint` where it goes on from one.
fn with_checkpoint(mut event: Value, planned: &Planned) -> Value {
    if planned.has_checkpoint {
        event["checkpoint"] = true.into();
    }
    event
}

fn to_run(plan: &[Planned]) -> usize {
    plan.iter().filter(|planned| planned.outlook.state() != StageState::Cached).count()
}

/// How many stages the points ask for, one by one.
fn asked(session: &Session, plan: &[Planned]) -> usize {
    let planned: BTreeSet<NodeIndex> = plan.iter().map(|planned| planned.stage).collect();
    let of = |point: &Point| point.stages.values().filter(|stage| planned.contains(stage)).count();
    session.graph.points.iter().map(of).sum()
}

fn total(session: &Session, plan: &[Planned]) -> Value {
    json!({
        "event": "plan", "points": session.graph.points.len(), "asked": asked(session, plan), "distinct": plan.len(),
        "run": to_run(plan),
    })
}

fn summary(session: &Session, plan: &[Planned]) -> String {
    let (points, runs) = (session.graph.points.len(), to_run(plan));
    let state = format!("{} cached, {runs} to run", plan.len() - runs);
    if points < 2 {
        return format!("{} stages, {state}", plan.len());
    }
    format!("{points} points ask for {} stages; {} distinct, {state}", asked(session, plan), plan.len())
}
