//! The trials of a `[search]`: run up to its metric, compared, and the best one run to its end.

use crate::cli::options::{PipelineArguments, SelectionArguments};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::key::{PointName, StageName, suggestion};
use crate::pipeline::{Number, Search};
use crate::plan::{Outputs, Selection, outputs_of};
use crate::report::metrics::Row;
use crate::report::number;
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

/// The table of the trials that have a number now; nothing when none has.
pub(super) fn text(session: &Session, search: &Search) -> Result<Option<String>> {
    let trial = trial_selection(session, search, &SelectionArguments::default())?;
    let trials = current(session, search, &trial)?;
    Ok(trials.best.is_some().then(|| trials.text()))
}

/// All trials, up to the stage that has the metric.
pub(super) fn trial_selection(session: &Session, search: &Search, selection: &SelectionArguments) -> Result<Selection> {
    check(session, search)?;
    let mut options = selection.options();
    options.until = Some(search.metric.stage.to_string());
    session.select(&options)
}

/// The best point alone, with what is forced after the metric; what is before it was forced with the trials.
pub(super) fn best(
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
pub(super) fn current(session: &Session, search: &Search, trial: &Selection) -> Result<Trials> {
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
    /// The trials with the numbers that are known.
    ///
    /// # Errors
    /// When a report cannot be read.
    pub(super) fn of(session: &Session, search: &Search, known: &BTreeMap<NodeIndex, Outputs>) -> Result<Self> {
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

    /// What is printed while a trial has no number yet; `None` when all have one.
    pub(super) fn pending(&self, as_json: bool) -> Option<String> {
        let count = self.names.len();
        let text = || format!("then the best of {count} trials by {} runs to the end", self.metric);
        let event = || json!({ "event": "search", "trials": count, "metric": self.metric, "best": null }).to_string();
        self.numbers.contains(&None).then(|| if as_json { event() } else { text() })
    }

    /// Whether no trial has a number.
    pub(super) fn is_empty(&self) -> bool {
        self.best.is_none()
    }

    /// The name of the best trial.
    ///
    /// # Errors
    /// When no trial has a number.
    pub(super) fn best(&self, search: &Search) -> Result<&PointName> {
        self.best.map(|at| &self.names[at]).ok_or_else(|| {
            let Number { stage, output, pointer } = &search.metric;
            Error::NoResults(format!(
                "no trial has a number at {pointer} in the JSON file of {stage}.{output}; `pipe peek` shows what it has"
            ))
        })
    }

    /// Prints them as a table, or an event for each.
    pub(super) fn print(&self, as_json: bool) {
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
