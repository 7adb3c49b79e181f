//! The trials of a `[search]`: run up to its metric, compared, and the best one run to its end.

use crate::cli::metrics::{print_rows, rows};
use crate::cli::options::{PipelineArguments, SelectionArguments};
use crate::cli::plan::show;
use crate::cli::run::{RunArguments, execute};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::key::{PointName, StageName, suggestion};
use crate::pipeline::{Number, Search};
use crate::plan::{Outputs, Selection, outputs_of};
use crate::report::metrics::{self, Row};
use crate::report::number;
use crate::store::RunLabel;
use crate::terminal::{print, print_line, table};
use petgraph::graph::NodeIndex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The trials with their numbers, and the best of them.
pub(super) struct Trials {
    metric: String,
    names: Vec<PointName>,
    numbers: Vec<Option<f64>>,
    best: Option<usize>,
}

/// The search of a session in which no option picks points or ends the run before.
pub(super) fn wanted<'a>(
    session: &'a Session,
    pipeline: &PipelineArguments,
    selection: &SelectionArguments,
) -> Option<&'a Search> {
    let is_whole = pipeline.variant.points.is_empty() && selection.until.is_none() && selection.only.is_none();
    session.search.as_ref().filter(|_| is_whole)
}

/// Runs the trials up to the metric, then the best one to its end, and prints its metrics.
///
/// # Errors
/// When a trial fails without `--keep-going`, no trial has a number, or the rest of the best one fails.
pub(super) fn run(arguments: &RunArguments, session: &Session, search: &Search) -> Result<()> {
    let as_json = arguments.pipeline.output.json;
    if arguments.locked {
        let hint = Some("pick the trial that the lock is of: --point NAME".to_owned());
        return Err(Error::Usage { message: "a search has no lock".to_owned(), hint });
    }
    let trial = trial_selection(session, search, &arguments.selection)?;
    let summary = execute(arguments, session, &trial, RunLabel::default(), arguments.keep_going)?;
    let trials = Trials::of(session, search, &summary.outputs)?;
    trials.print(as_json);
    if let Some(error) = summary.failure.filter(|_| !arguments.keep_going || trials.best.is_none()) {
        return Err(error);
    }
    drop(summary.hold);
    let (chosen, selection) = best(&arguments.pipeline, &arguments.selection, session, &trial, trials.best(search)?)?;
    let label = RunLabel { name: arguments.name.clone(), note: arguments.note.clone() };
    let summary = execute(arguments, &chosen, &selection, label, false)?;
    if let Some(error) = summary.failure {
        return Err(error);
    }
    if !as_json {
        print_rows(&rows(&chosen, &selection, &summary.outputs, metrics::MAIN)?, false);
    }
    Ok(())
}

/// Prints the plan of the trials and, once all of them have their numbers, that of the best one.
///
/// # Errors
/// When something is missing, after everything has been printed.
pub(super) fn plan(
    pipeline: &PipelineArguments,
    selection: &SelectionArguments,
    session: &Session,
    search: &Search,
) -> Result<()> {
    let trial = trial_selection(session, search, selection)?;
    show(session, &mut session.planner(&trial), pipeline.output.json)?;
    let trials = current(session, search, &trial)?;
    let count = trials.names.len();
    if trials.numbers.contains(&None) {
        let text = format!("then the best of {count} trials by {} runs to the end", trials.metric);
        let event = json!({ "event": "search", "trials": count, "metric": trials.metric, "best": null });
        print_line(if pipeline.output.json { event.to_string() } else { text });
        return Ok(());
    }
    trials.print(pipeline.output.json);
    let (chosen, selection) = best(pipeline, selection, session, &trial, trials.best(search)?)?;
    show(&chosen, &mut chosen.planner(&selection), pipeline.output.json)
}

/// The table of the trials that have a number now; nothing when none has.
pub(super) fn text(session: &Session, search: &Search) -> Result<Option<String>> {
    let trial = trial_selection(session, search, &SelectionArguments::default())?;
    let trials = current(session, search, &trial)?;
    Ok(trials.best.is_some().then(|| trials.text()))
}

/// All trials, up to the stage that has the metric.
fn trial_selection(session: &Session, search: &Search, selection: &SelectionArguments) -> Result<Selection> {
    check(session, search)?;
    let mut options = selection.options();
    options.until = Some(search.metric.stage.to_string());
    session.select(&options)
}

/// The best point alone, with what is forced after the metric; what is before it was forced with the trials.
fn best(
    pipeline: &PipelineArguments,
    selection: &SelectionArguments,
    session: &Session,
    trial: &Selection,
    name: &PointName,
) -> Result<(Session, Selection)> {
    let mut picked = pipeline.clone();
    picked.variant.points = vec![name.to_string()];
    let chosen = Session::open(&picked)?;
    let tried: BTreeSet<&StageName> = trial.scope.iter().map(|node| &session.graph.stages[*node].stage).collect();
    let mut selection = chosen.select(&selection.options())?;
    selection.forced.retain(|node| !tried.contains(&chosen.graph.stages[*node].stage));
    Ok((chosen, selection))
}

/// The trials as the cached results have them.
fn current(session: &Session, search: &Search, trial: &Selection) -> Result<Trials> {
    let _lock = session.store.lock_shared()?;
    let known = session.current(trial)?.into_iter().map(|(stage, action)| (stage, outputs_of(&action))).collect();
    Trials::of(session, search, &known)
}

/// That the metric is in an output of a stage of the pipeline.
fn check(session: &Session, search: &Search) -> Result<()> {
    let Number { stage, output, .. } = &search.metric;
    let fault = |message: String, hint: String| {
        Err(Error::Parameter { message, place: search.place.clone(), hint: Some(hint) })
    };
    let Some(node) = session.graph.find(stage.as_str()).first().copied() else {
        let names = session.graph.stage_names();
        let hint = suggestion(stage.as_str(), names, "its stages are");
        return fault(format!("the metric of the search is of '{stage}', which is no stage"), hint);
    };
    let outputs = &session.graph.stages[node].description.outputs;
    if outputs.iter().all(|known| known.name != output.as_str()) {
        let hint = suggestion(output.as_str(), outputs.iter().map(|output| output.name.as_str()), "its outputs are");
        return fault(format!("the metric of the search is of {stage}.{output}, which is no output"), hint);
    }
    Ok(())
}

impl Trials {
    fn of(session: &Session, search: &Search, known: &BTreeMap<NodeIndex, Outputs>) -> Result<Self> {
        let Number { stage, output, pointer } = &search.metric;
        let (mut names, mut numbers) = (Vec::new(), Vec::new());
        for point in &session.graph.points {
            let made = point.stages.get(stage).and_then(|node| known.get(node)).and_then(|made| made.get(output));
            let read = |digest| number(&session.store.artifact(digest), pointer);
            numbers.push(made.map(read).transpose()?.flatten());
            names.push(point.name.clone());
        }
        let metric = format!("{stage}.{output}:{pointer}");
        let best = search.better.best(&numbers);
        Ok(Self { metric, names, numbers, best })
    }

    /// The name of the best trial.
    ///
    /// # Errors
    /// When no trial has a number.
    fn best(&self, search: &Search) -> Result<&PointName> {
        self.best.map(|at| &self.names[at]).ok_or_else(|| {
            let Number { stage, output, pointer } = &search.metric;
            Error::NoResults(format!(
                "no trial has a number at {pointer} in the JSON file of {stage}.{output}; `pipe peek` shows what it has"
            ))
        })
    }

    fn print(&self, as_json: bool) {
        if !as_json {
            return print(&self.text());
        }
        for (name, number) in self.names.iter().zip(&self.numbers) {
            print_line(json!({ "event": "trial", "point": name, "number": number }));
        }
        let best = self.best.map(|at| &self.names[at]);
        print_line(json!({ "event": "search", "trials": self.names.len(), "metric": self.metric, "best": best }));
    }

    /// A row for each trial, the best one marked.
    fn text(&self) -> String {
        let row = |(at, (name, number)): (usize, (&PointName, &Option<f64>))| {
            let mark = if self.best == Some(at) { "best" } else { "" };
            let cells: [(&str, Value); 3] =
                [("trial", json!(name)), (&self.metric, json!(number)), ("chosen", mark.into())];
            cells.into_iter().map(|(column, value)| (column.to_owned(), value)).collect::<Row>()
        };
        let rows: Vec<Row> = self.names.iter().zip(&self.numbers).enumerate().map(row).collect();
        table(&rows)
    }
}
