//! `pipe compare`: the results of points, runs and pipelines side by side.

use crate::cli::arguments::{CompareArguments, PipelineArguments, StoreArguments};
use crate::cli::opened::{Opened, open_store};
use crate::error::{Error, Result};
use crate::pipeline::{self, Compare};
use crate::plan::{Point, Wishes};
use crate::report::compare::{Comparison, PaperTable, Subject, Wanted, apply, of_actions, requests};
use crate::store::{Action, RunRecord, Store};
use crate::worker;
use petgraph::graph::NodeIndex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;

/// Prints a comparison.
pub fn compare(arguments: &CompareArguments) -> Result<()> {
    let mut gathering = Gathering { arguments, subjects: Vec::new(), said: None };
    for what in &arguments.what {
        gathering.add(what)?;
    }
    let said = gathering.said.unwrap_or_default();
    let wanted = Wanted {
        metrics: if arguments.metric.is_empty() { said.metrics } else { arguments.metric.clone() },
        rows: arguments.rows.iter().map(|row| condition(row)).collect::<Result<_>>()?,
        baseline: arguments.baseline.clone().or(said.baseline),
        figures: said.columns.into_iter().map(|(name, _)| name).collect(),
    };
    let mut comparison = Comparison::of(&gathering.subjects, &wanted)?;
    test(&mut comparison, arguments);
    if let Some(name) = arguments.paper.as_ref().or(said.paper.as_ref()) {
        let file = pipeline::project()?.join("pipelines").join("paper.toml");
        comparison.beside(PaperTable::read(&file, name)?, said.differs);
    }
    let text = match arguments {
        CompareArguments { json: true, .. } => format!("{}\n", comparison.json()),
        CompareArguments { csv: true, .. } => comparison.csv(),
        CompareArguments { markdown: true, .. } => comparison.markdown(),
        CompareArguments { latex: true, .. } => comparison.latex(),
        _ => comparison.text(),
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
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
    let answer = worker::find(arguments.worker.clone())
        .and_then(|worker| worker::question(&worker, "compare", &request.question))
        .map_err(|error| error.to_string())
        .and_then(|answer| apply(comparison, &request, answer));
    if let Err(message) = answer {
        tracing::warn!("whether differences are more than chance is not said: {message}");
    }
}

struct Gathering<'a> {
    arguments: &'a CompareArguments,
    subjects: Vec<Subject>,
    said: Option<Compare>,
}

impl Gathering<'_> {
    fn add(&mut self, what: &str) -> Result<()> {
        let run = what.strip_prefix("run:").or_else(|| what.starts_with("latest").then_some(what));
        match run {
            Some(run) => {
                let store = open_store(&StoreArguments { store: self.arguments.store.clone(), json: false })?;
                let _share = store.share()?;
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
            profiles: self.arguments.profiles.clone(),
            points: self.arguments.points.clone(),
            settings: self.arguments.settings.clone(),
            store: self.arguments.store.clone(),
            worker: self.arguments.worker.clone(),
            slots: None,
            json: false,
        };
        let opened = Opened::open(&arguments)?;
        let selection = opened.select(&Wishes::default())?;
        // Until they are read, nothing of them goes.
        let _share = opened.store.share()?;
        let current = opened.current(&selection)?;
        for point in &opened.graph.points {
            let mut subject = of_point(&opened, point, &current)?;
            if subject.name.is_empty() {
                subject.name.clone_from(&opened.graph.pipeline);
            } else if self.arguments.what.len() > 1 {
                subject.name = format!("{} {}", opened.graph.pipeline, subject.name);
            }
            self.subjects.push(subject);
        }
        if let Some(compare) = &opened.compare {
            self.said.get_or_insert_with(|| compare.clone());
        }
        Ok(())
    }
}

fn of_point(opened: &Opened, point: &Point, current: &BTreeMap<NodeIndex, Box<Action>>) -> Result<Subject> {
    let mut actions = BTreeMap::new();
    for (stage, node) in &point.stages {
        let name = &opened.graph.stages[*node].name;
        let action = match current.get(node) {
            Some(action) => Action::clone(action),
            None => match opened.store.newest(&opened.graph.pipeline, name) {
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
    let mut figures = BTreeMap::new();
    for (column, figure) in opened.compare.iter().flat_map(|compare| &compare.columns) {
        let artifact = actions.get(&figure.stage).and_then(|action| action.outputs.get(&figure.output));
        let file =
            artifact.and_then(|artifact| artifact.files.iter().find(|file| file.path.as_str().ends_with(".json")));
        let Some((artifact, file)) = artifact.zip(file) else { continue };
        let path = opened.store.artifact(&artifact.digest).join(&file.path);
        let bytes = fs_err::read(&path).map_err(|error| Error::io("reading", &path, error))?;
        let report: Value =
            serde_json::from_slice(&bytes).map_err(|error| Error::io("reading", &path, error.into()))?;
        if let Some(number) = report.pointer(&figure.pointer).and_then(Value::as_f64) {
            figures.insert(column.clone(), number);
        }
    }
    let name = without_seed(&point.name.to_string());
    Ok(Subject { name, rows: of_actions(&opened.store, actions.values())?, figures })
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
        Ok(Subject { name, rows: of_actions(store, &actions)?, figures: BTreeMap::new() })
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
