//! `pipe compare`: the results of points, runs and pipelines side by side.

use crate::cli::completion;
use crate::cli::options::{OutputArguments, PipelineArguments, StoreArguments, VariantArguments, WorkerArguments};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::pipeline::{self, Compare};
use crate::plan::{Point, SelectionOptions};
use crate::report::compare::{Comparison, PaperTable, Subject, Wanted, apply, of_actions, requests};
use crate::store::{Action, RunRecord, Store};
use crate::terminal::print;
use crate::worker;
use clap::{ArgGroup, Args};
use clap_complete::engine::ArgValueCompleter;
use petgraph::graph::NodeIndex;
use serde_json::Value;
use std::collections::BTreeMap;

/// Put results side by side: the points of a pipeline, runs, pipelines, the paper.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("format").args(["json", "csv", "markdown", "latex"]))]
pub(crate) struct CompareArguments {
    /// A pipeline with its points, or a run: run:NAME, latest or latest~N.
    #[arg(required = true, add = ArgValueCompleter::new(completion::pipelines))]
    pub(super) what: Vec<String>,
    /// What the others are compared with; the first when not given.
    #[arg(long, alias = "baseline", value_name = "POINT")]
    pub(super) reference: Option<String>,
    /// Only these metrics; all that vary when not given.
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    pub(super) metric: Vec<String>,
    /// Only rows with this text in this column.
    #[arg(long = "where", value_name = "COLUMN=TEXT")]
    pub(super) rows: Vec<String>,
    /// Put this table of pipelines/paper.toml beside it.
    #[arg(long, value_name = "TABLE")]
    pub(super) paper: Option<String>,
    #[command(flatten)]
    pub(super) variant: VariantArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Write comma-separated values.
    #[arg(long)]
    pub(super) csv: bool,
    /// Write a table of Markdown.
    #[arg(long)]
    pub(super) markdown: bool,
    /// Write a table of LaTeX.
    #[arg(long)]
    pub(super) latex: bool,
}

/// Prints a comparison.
pub(super) fn compare(arguments: &CompareArguments) -> Result<()> {
    let mut gathering = Gathering { arguments, subjects: Vec::new(), settings: None };
    for what in &arguments.what {
        gathering.add(what)?;
    }
    let settings = gathering.settings.unwrap_or_default();
    let wanted = Wanted {
        metrics: if arguments.metric.is_empty() { settings.metrics } else { arguments.metric.clone() },
        rows: arguments.rows.iter().map(|row| condition(row)).collect::<Result<_>>()?,
        reference: arguments.reference.clone().or(settings.reference),
        numbers: settings.columns.into_iter().map(|(name, _)| name).collect(),
    };
    let mut comparison = Comparison::of(&gathering.subjects, &wanted)?;
    test(&mut comparison, arguments);
    if let Some(name) = arguments.paper.as_ref().or(settings.paper.as_ref()) {
        let file = pipeline::project()?.join("pipelines").join("paper.toml");
        comparison.beside(PaperTable::read(&file, name)?, settings.differs);
    }
    let text = match arguments {
        CompareArguments { output: OutputArguments { json: true }, .. } => format!("{}\n", comparison.json()),
        CompareArguments { csv: true, .. } => comparison.csv(),
        CompareArguments { markdown: true, .. } => comparison.markdown(),
        CompareArguments { latex: true, .. } => comparison.latex(),
        _ => comparison.text(),
    };
    print(&text);
    Ok(())
}

fn condition(text: &str) -> Result<(String, String)> {
    let parts = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    parts.ok_or_else(|| Error::Usage {
        message: format!("'{text}' does not say which rows: expected COLUMN=TEXT"),
        hint: Some("such as --where model=pipe".to_owned()),
    })
}

/// Asks the worker about every difference; without an answer the comparison goes without.
fn test(comparison: &mut Comparison, arguments: &CompareArguments) {
    let Some(request) = requests(comparison) else { return };
    let answer = worker::find(arguments.worker.worker.clone())
        .and_then(|worker| worker::ask(&worker, &request.compare))
        .map_err(|error| error.to_string())
        .and_then(|answer| apply(comparison, &request, answer));
    if let Err(message) = answer {
        tracing::warn!("no significance test: {message}");
    }
}

struct Gathering<'a> {
    arguments: &'a CompareArguments,
    subjects: Vec<Subject>,
    settings: Option<Compare>,
}

impl Gathering<'_> {
    fn add(&mut self, what: &str) -> Result<()> {
        let run = what.strip_prefix("run:").or_else(|| what.starts_with("latest").then_some(what));
        match run {
            Some(run) => {
                let store = self.arguments.store.open()?;
                let _lock = store.lock_shared()?;
                let record = store.find_run(run)?;
                self.subjects.extend(of_run(&store, &record)?);
                Ok(())
            }
            None => self.add_pipeline(what),
        }
    }

    fn add_pipeline(&mut self, pipeline: &str) -> Result<()> {
        let arguments = PipelineArguments {
            pipeline: pipeline.to_owned(),
            variant: self.arguments.variant.clone(),
            store: self.arguments.store.clone(),
            worker: self.arguments.worker.clone(),
            slots: None,
            output: OutputArguments::default(),
        };
        let session = Session::open(&arguments)?;
        let selection = session.select(&SelectionOptions::default())?;
        // Until they are read, nothing of them goes.
        let _lock = session.store.lock_shared()?;
        let current = session.current(&selection)?;
        for point in &session.graph.points {
            let mut subject = of_point(&session, point, &current)?;
            if subject.name.is_empty() {
                subject.name.clone_from(&session.graph.pipeline);
            } else if self.arguments.what.len() > 1 {
                subject.name = format!("{} {}", session.graph.pipeline, subject.name);
            }
            self.subjects.push(subject);
        }
        if let Some(compare) = &session.compare {
            self.settings.get_or_insert_with(|| compare.clone());
        }
        Ok(())
    }
}

fn of_point(session: &Session, point: &Point, current: &BTreeMap<NodeIndex, Box<Action>>) -> Result<Subject> {
    let mut actions = BTreeMap::new();
    for (stage, node) in &point.stages {
        let name = &session.graph.stages[*node].name;
        let action = match current.get(node) {
            Some(action) => Action::clone(action),
            None => match session.store.newest(&session.graph.pipeline, name) {
                Some(action) => {
                    tracing::warn!(
                        "{name} has no cached result; its newest results are used, from before the pipeline changed"
                    );
                    action
                }
                None => continue,
            },
        };
        actions.insert(stage.clone(), action);
    }
    let mut numbers = BTreeMap::new();
    for (column, number) in session.compare.iter().flat_map(|compare| &compare.columns) {
        let artifact = actions.get(&number.stage).and_then(|action| action.outputs.get(&number.output));
        let file =
            artifact.and_then(|artifact| artifact.files.iter().find(|file| file.path.as_str().ends_with(".json")));
        let Some((artifact, file)) = artifact.zip(file) else { continue };
        let path = session.store.artifact(&artifact.digest).join(&file.path);
        let bytes = fs_err::read(&path).map_err(|error| Error::io("reading", &path, error))?;
        let report: Value =
            serde_json::from_slice(&bytes).map_err(|error| Error::io("reading", &path, error.into()))?;
        if let Some(number) = report.pointer(&number.pointer).and_then(Value::as_f64) {
            numbers.insert(column.clone(), number);
        }
    }
    let name = without_seed(&point.name.to_string());
    Ok(Subject { name, rows: of_actions(&session.store, actions.values())?, numbers })
}

/// The points of a run: its stages are named after what varied.
fn of_run(store: &Store, record: &RunRecord) -> Result<Vec<Subject>> {
    let mut points: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
    for stage in record.stages.iter().filter(|stage| stage.status.has_result()) {
        if let Some(action) = stage.key.and_then(|key| store.action(key)) {
            points.entry(stage.stage.point()).or_default().push(action);
        }
    }
    let subject = |(point, actions): (&str, Vec<Action>)| {
        let name = format!("{} {}", record.run, without_seed(point)).trim_end().to_owned();
        Ok(Subject { name, rows: of_actions(store, &actions)?, numbers: BTreeMap::new() })
    };
    points
        .into_iter()
        .map(subject)
        .filter(|subject: &Result<Subject>| {
            subject.as_ref().is_ok_and(|subject| !subject.rows.is_empty()) || subject.is_err()
        })
        .collect()
}

/// The name of a point without its seeds.
fn without_seed(name: &str) -> String {
    let is_seed =
        |term: &&str| term.split_once('=').is_some_and(|(target, _)| target == "seed" || target.ends_with(".seed"));
    name.split(',').filter(|term| !is_seed(term)).collect::<Vec<_>>().join(",")
}
