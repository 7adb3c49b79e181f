//! `pipe compare`: the results of points, runs and pipelines side by side.

use crate::cli::completion;
use crate::cli::gathering::{Gathering, Sources};
use crate::cli::options::{OutputArguments, StoreArguments, VariantArguments, WorkerArguments};
use crate::error::{Error, Result};
use crate::pipeline;
use crate::report::compare::{Comparison, PaperTable, Wanted, apply, requests};
use crate::terminal::print;
use crate::worker;
use clap::{ArgGroup, Args};
use clap_complete::engine::ArgValueCompleter;

/// Put results side by side: the points of a pipeline, runs, pipelines, the paper.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("format").args(["json", "csv", "markdown", "latex"]))]
pub(crate) struct CompareArguments {
    /// A pipeline with its points, or a run: run:NAME, latest or latest~N.
    ///
    /// A run is shown by the name that `pipe run --name` gave it.
    #[arg(required = true, value_name = "PIPELINE|RUN", add = ArgValueCompleter::new(completion::pipelines))]
    pub(super) subjects: Vec<String>,
    /// What the others are compared with: a point, a run or a model; the first point when not given.
    #[arg(long, alias = "baseline", value_name = "NAME")]
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
    let sources = Sources { variant: &arguments.variant, store: &arguments.store, worker: &arguments.worker };
    let gathering = Gathering::of(&sources, &arguments.subjects)?;
    let settings = gathering.settings.unwrap_or_default();
    let wanted = Wanted {
        metrics: if arguments.metric.is_empty() { settings.metrics } else { arguments.metric.clone() },
        rows: arguments.rows.iter().map(|row| condition(row)).collect::<Result<_>>()?,
        reference: arguments.reference.clone().or(settings.reference),
        numbers: settings.columns.into_iter().map(|(name, _)| name).collect(),
    };
    let mut comparison = Comparison::of(&gathering.subjects, &wanted)?;
    test(&mut comparison, &arguments.worker);
    if let Some(name) = arguments.paper.as_ref().or(settings.paper.as_ref()) {
        let project = gathering.project.map_or_else(pipeline::project, Ok)?;
        let file = project.join("pipelines").join("paper.toml");
        comparison.beside(PaperTable::read(&file, name)?, settings.differs);
    }
    let text = match arguments {
        CompareArguments { output: OutputArguments { json: true }, .. } => format!("{}\n", comparison.json()),
        CompareArguments { csv: true, .. } => comparison.csv(),
        CompareArguments { markdown: true, .. } => comparison.markdown(),
        CompareArguments { latex: true, .. } => comparison.latex(),
        _ => gathering.trials.iter().map(|trials| format!("{trials}\n")).collect::<String>() + &comparison.text(),
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
pub(super) fn test(comparison: &mut Comparison, worker: &WorkerArguments) {
    let Some(request) = requests(comparison) else { return };
    let answer = worker::find(worker.worker.clone())
        .and_then(|worker| worker::ask(&worker, &request.compare))
        .map_err(|error| error.to_string())
        .and_then(|answer| apply(comparison, &request, answer));
    if let Err(message) = answer {
        tracing::warn!("no significance test: {message}");
    }
}
