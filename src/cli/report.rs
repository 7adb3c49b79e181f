//! `pipe report`: pipelines and runs as one HTML page.

use crate::cli::compare::test;
use crate::cli::completion;
use crate::cli::gathering::{Gathering, Sources, run_of};
use crate::cli::options::{OutputArguments, PipelineArguments, StoreArguments, VariantArguments, WorkerArguments};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::pipeline;
use crate::plan::SelectionOptions;
use crate::report::compare::{Comparison, PaperTable, Wanted};
use crate::report::page::{Page, Part};
use crate::store::now;
use crate::terminal::{local, print_line, size};
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;
use std::path::PathBuf;

/// Write pipelines and runs as one HTML page: graph, stages, reports, metrics, parameters, digests.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// A pipeline with its points, or a run: run:NAME, latest or latest~N.
    #[arg(required = true, value_name = "PIPELINE|RUN", add = ArgValueCompleter::new(completion::pipelines))]
    pub(super) subjects: Vec<String>,
    /// The file to write; one that is there is replaced.
    #[arg(long, short, value_name = "FILE", default_value = "report.html", value_hint = ValueHint::FilePath)]
    pub(super) output: PathBuf,
    /// What the others are tested against: a point, a run or a model; the first point when not given.
    #[arg(long, value_name = "NAME")]
    pub(super) reference: Option<String>,
    /// Put this table of pipelines/paper.toml beside the metrics.
    #[arg(long, value_name = "TABLE")]
    pub(super) paper: Option<String>,
    #[command(flatten)]
    pub(super) variant: VariantArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) form: OutputArguments,
}

/// Writes the page.
pub(super) fn report(arguments: &ReportArguments) -> Result<()> {
    let parts = arguments.subjects.iter().map(|subject| part(subject, arguments)).collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let page = Page {
        title: names.join(", "),
        made: local(now()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        comparison: comparison(arguments)?,
        parts,
    };
    let html = page.html();
    let path = &arguments.output;
    fs_err::write(path, &html).map_err(|error| Error::io("writing", path, error))?;
    print_line(if arguments.form.json {
        json!({ "file": path, "bytes": html.len() }).to_string()
    } else {
        format!("wrote {}, {}", path.display(), size(html.len() as u64))
    });
    Ok(())
}

fn part(subject: &str, arguments: &ReportArguments) -> Result<Part> {
    if let Some(run) = run_of(subject) {
        let store = arguments.store.open()?;
        let _lock = store.lock_shared()?;
        return Part::of_run(&store, &store.find_run(run)?);
    }
    let pipeline = PipelineArguments {
        pipeline: subject.to_owned(),
        variant: arguments.variant.clone(),
        store: arguments.store.clone(),
        worker: arguments.worker.clone(),
        slots: None,
        executor: None,
        output: OutputArguments::default(),
    };
    let session = Session::open(&pipeline)?;
    let selection = session.select(&SelectionOptions::default())?;
    // Until they are read, nothing of the results goes.
    let _lock = session.store.lock_shared()?;
    let plan = session.planner(&selection).plan()?;
    Part::of_pipeline(&session.graph, &plan, &session.store, &session.machine, &session.file)
}

/// All subjects side by side; nothing where none has metrics.
fn comparison(arguments: &ReportArguments) -> Result<Option<Comparison>> {
    let sources = Sources { variant: &arguments.variant, store: &arguments.store, worker: &arguments.worker };
    let gathering = Gathering::of(&sources, &arguments.subjects)?;
    if gathering.subjects.iter().all(|subject| subject.rows.is_empty()) {
        return Ok(None);
    }
    let settings = gathering.settings.unwrap_or_default();
    let wanted = Wanted {
        metrics: settings.metrics,
        rows: Vec::new(),
        reference: arguments.reference.clone().or(settings.reference),
        numbers: settings.columns.into_iter().map(|(name, _)| name).collect(),
    };
    let mut comparison = Comparison::of(&gathering.subjects, &wanted)?;
    test(&mut comparison, &arguments.worker);
    if let Some(name) = arguments.paper.as_ref().or(settings.paper.as_ref()) {
        let file = pipeline::project()?.join("pipelines").join("paper.toml");
        comparison.beside(PaperTable::read(&file, name)?, settings.differs);
    }
    Ok(Some(comparison))
}
