//! The points of pipelines and runs, with what was measured of each: the subjects of a comparison.

use crate::cli::options::{OutputArguments, PipelineArguments, StoreArguments, VariantArguments, WorkerArguments};
use crate::cli::search;
use crate::cli::session::Session;
use crate::error::Result;
use crate::key::RunId;
use crate::pipeline::Compare;
use crate::plan::{Point, SelectionOptions};
use crate::report;
use crate::report::compare::{Subject, of_actions};
use crate::store::{Action, RunRecord, Store};
use petgraph::graph::NodeIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Where subjects are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    /// How the pipelines are varied.
    pub(super) variant: &'a VariantArguments,
    /// The store.
    pub(super) store: &'a StoreArguments,
    /// The worker.
    pub(super) worker: &'a WorkerArguments,
}

/// The subjects that were found.
#[derive(Debug)]
pub(super) struct Gathering<'a> {
    sources: &'a Sources<'a>,
    /// Whether pipelines are told apart by their names.
    is_several: bool,
    /// The points of the pipelines and runs, in order.
    pub(super) subjects: Vec<Subject>,
    /// The runs so far, by the names by which they are shown.
    runs: BTreeMap<String, RunId>,
    /// What the first pipeline says of comparisons.
    pub(super) settings: Option<Compare>,
    /// The project of the first pipeline.
    pub(super) project: Option<PathBuf>,
    /// The trials of searches, as tables.
    pub(super) trials: Vec<String>,
}

/// The name of a run, if a subject is one: `run:NAME`, `latest` or `latest~N`.
pub(super) fn run_of(subject: &str) -> Option<&str> {
    subject.strip_prefix("run:").or_else(|| subject.starts_with("latest").then_some(subject))
}

impl<'a> Gathering<'a> {
    /// What pipelines and runs have to compare.
    pub(super) fn of(sources: &'a Sources<'a>, names: &[String]) -> Result<Self> {
        let (subjects, runs) = (Vec::new(), BTreeMap::new());
        let (settings, project, trials) = (None, None, Vec::new());
        let mut gathering = Self { sources, is_several: names.len() > 1, subjects, runs, settings, project, trials };
        names.iter().try_for_each(|subject| gathering.add(subject))?;
        Ok(gathering)
    }

    fn add(&mut self, subject: &str) -> Result<()> {
        match run_of(subject) {
            Some(run) => {
                let store = self.sources.store.open()?;
                let _lock = store.lock_shared()?;
                let record = store.find_run(run)?;
                let shown = self.name_of(&record);
                self.subjects.extend(of_run(&store, &record, &shown)?);
                Ok(())
            }
            None => self.add_pipeline(subject),
        }
    }

    /// The name that the user gave a run, with its identifier where another run that is compared has the same name.
    fn name_of(&mut self, record: &RunRecord) -> String {
        let Some(name) = &record.label.name else { return record.run.to_string() };
        let owner = self.runs.entry(name.clone()).or_insert_with(|| record.run.clone());
        if *owner == record.run { name.clone() } else { format!("{name} {}", record.run) }
    }

    fn add_pipeline(&mut self, pipeline: &str) -> Result<()> {
        let arguments = PipelineArguments {
            pipeline: pipeline.to_owned(),
            variant: self.sources.variant.clone(),
            store: self.sources.store.clone(),
            worker: self.sources.worker.clone(),
            slots: None,
            executor: None,
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
            } else if self.is_several {
                subject.name = format!("{} {}", session.graph.pipeline, subject.name);
            }
            // A trial that was not chosen has no metrics of test items.
            if session.search.is_none() || !subject.rows.is_empty() {
                self.subjects.push(subject);
            }
        }
        if let Some(search) = &session.search {
            self.trials.extend(search::text(&session, search)?);
        }
        self.project.get_or_insert_with(|| session.project.clone());
        if let Some(compare) = &session.compare {
            let names: Vec<String> = session.graph.points.iter().map(|point| point.name.to_string()).collect();
            let varied: BTreeSet<&str> = names.iter().flat_map(|name| name.split(',').filter_map(target)).collect();
            for parameter in compare.mean_over.iter().filter(|parameter| !varied.contains(parameter.as_str())) {
                tracing::warn!("'mean_over' names {parameter}, which no point of the sweep sets");
            }
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
        let Some(artifact) = artifact else { continue };
        if let Some(number) = report::number(&session.store.artifact(&artifact.digest), &number.pointer)? {
            numbers.insert(column.clone(), number);
        }
    }
    let mean_over = session.compare.as_ref().map_or(&[][..], |compare| &compare.mean_over);
    let name = merged(&point.name.to_string(), mean_over);
    Ok(Subject { name, rows: of_actions(&session.store, actions.values())?, numbers })
}

/// The points of a run, which is shown by this name: its stages are named after what varied.
fn of_run(store: &Store, record: &RunRecord, shown: &str) -> Result<Vec<Subject>> {
    let mut points: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
    for stage in record.stages.iter().filter(|stage| stage.status.has_result()) {
        if let Some(action) = stage.key.and_then(|key| store.action(key)) {
            points.entry(stage.stage.point()).or_default().push(action);
        }
    }
    let subject = |(point, actions): (&str, Vec<Action>)| {
        let name = format!("{shown} {}", merged(point, &[])).trim_end().to_owned();
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

/// The name of a point without its seeds and the parameters over which means are taken: points of one name are one line.
fn merged(name: &str, mean_over: &[String]) -> String {
    let is_merged = |target: &str| {
        target == "seed" || target.ends_with(".seed") || mean_over.iter().any(|parameter| parameter == target)
    };
    name.split(',').filter(|term| !target(term).is_some_and(is_merged)).collect::<Vec<_>>().join(",")
}

/// What a term of a point's name sets, if it sets anything.
fn target(term: &str) -> Option<&str> {
    term.split_once('=').map(|(target, _)| target)
}
