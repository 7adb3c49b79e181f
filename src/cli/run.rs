//! `pipe run`: runs what is not cached, then prints the metrics.

use crate::cli::command_line::command_line;
use crate::cli::lock::locked;
use crate::cli::metrics::{print_metrics, rows};
use crate::cli::options::{ExecutionArguments, PipelineArguments, RemoteArguments, SelectionArguments};
use crate::cli::plan::{plan_search, show};
use crate::cli::remote::{remote_counts, with_remote};
use crate::cli::search;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::key::is_plain;
use crate::pipeline::Search;
use crate::plan::{Point, Selection};
use crate::report::metrics;
use crate::run::{Interrupt, Json, Observer, Settings, Summary};
use crate::store::RunLabel;
use crate::terminal::{Bars, Lines, Steps, duration, print_error, print_line, size};
use clap::Args;
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Run the stages that are not cached, then print the metrics.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    /// Only say what would run, as `pipe plan`.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Run nothing unless every stage is what the pipeline's lock says.
    #[arg(long)]
    pub(super) locked: bool,
    /// Read every byte of the cached results first, and make those that are damaged again.
    #[arg(long)]
    pub(super) verify: bool,
    /// Call the run by this name, which `pipe show`, `pipe compare` and `pipe runs` take and print.
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    pub(super) name: Option<String>,
    /// Say this of the run; `pipe runs` prints it.
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
    /// Print every metric at the end, not only HR@10 and NDCG@10 of each model.
    #[arg(long)]
    pub(super) full: bool,
    /// After a failure, still run the stages that do not depend on it.
    #[arg(long)]
    pub(super) keep_going: bool,
    /// Leave jobs of a cluster running when the run is interrupted; the next run waits for them instead of starting them.
    #[arg(long)]
    pub(super) detach: bool,
    #[command(flatten)]
    pub(super) execution: ExecutionArguments,
    #[command(flatten)]
    pub(super) remote: RemoteArguments,
}

/// Runs a pipeline.
pub(super) fn run(arguments: &RunArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    if let Some(wanted) = search::wanted(&session, &arguments.pipeline, &arguments.selection) {
        if arguments.dry_run {
            return plan_search(&arguments.pipeline, &arguments.selection, &session, wanted);
        }
        let wanted = wanted.clone();
        return run_search(arguments, &with_remote(session, &arguments.remote)?, &wanted);
    }
    let selection = session.select(&arguments.selection.options())?;
    if arguments.locked {
        locked(&session, &mut session.planner(&selection), arguments.pipeline.output.json)?;
    }
    if arguments.dry_run {
        return show(&session, &mut session.planner(&selection), arguments.pipeline.output.json);
    }
    let session = with_remote(session, &arguments.remote)?;
    let label = RunLabel { name: arguments.name.clone(), note: arguments.note.clone() };
    let summary = execute(arguments, &session, &selection, label, arguments.keep_going)?;
    if let Some(error) = summary.failure {
        return Err(error);
    }
    if !arguments.pipeline.output.json {
        print_metrics(&rows(&session, &selection, &summary.outputs, metrics::MAIN)?, arguments.full, false);
    }
    Ok(())
}

/// Runs the trials of a search up to its metric, then the best one to its end, and prints its metrics.
///
/// # Errors
/// When a trial fails without `--keep-going`, no trial has a number, or the rest of the best one fails.
fn run_search(arguments: &RunArguments, session: &Session, wanted: &Search) -> Result<()> {
    let as_json = arguments.pipeline.output.json;
    if arguments.locked {
        let hint = Some("pick the trial that the lock is of: --point NAME".to_owned());
        return Err(Error::Usage { message: "a search has no lock".to_owned(), hint });
    }
    let trial = search::trial_selection(session, wanted, &arguments.selection)?;
    let summary = execute(arguments, session, &trial, RunLabel::default(), arguments.keep_going)?;
    let trials = search::Trials::of(session, wanted, &summary.outputs)?;
    trials.print(as_json);
    if let Some(error) = summary.failure.filter(|_| !arguments.keep_going || trials.is_empty()) {
        return Err(error);
    }
    drop(summary.hold);
    let name = trials.best(wanted)?;
    let (chosen, selection) = search::best(&arguments.pipeline, &arguments.selection, session, &trial, name)?;
    let chosen = with_remote(chosen, &arguments.remote)?;
    let label = RunLabel { name: arguments.name.clone(), note: arguments.note.clone() };
    let summary = execute(arguments, &chosen, &selection, label, false)?;
    if let Some(error) = summary.failure {
        return Err(error);
    }
    if !as_json {
        print_metrics(&rows(&chosen, &selection, &summary.outputs, metrics::MAIN)?, arguments.full, false);
    }
    Ok(())
}

/// Runs what is selected and says how many stages ended in which state.
///
/// # Errors
/// When nothing can be started: something is missing, or a stage that `--only` needs. The failure of a stage is in the summary.
pub(super) fn execute(
    arguments: &RunArguments,
    session: &Session,
    selection: &Selection,
    label: RunLabel,
    keep_going: bool,
) -> Result<Summary> {
    let began = Instant::now();
    let as_json = arguments.pipeline.output.json;
    if arguments.verify {
        verify(session, selection, as_json)?;
    }
    let mut planner = session.planner(selection);
    let missing = planner.missing()?;
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    planner.check_only()?;
    session.store.prepare()?;
    let detach = arguments.detach;
    let settings = Settings { keep_going, label, detach, ..settings(session, &arguments.execution)? };
    let mut observer = observer(as_json);
    let interrupt = Interrupt::listen();
    let summary =
        crate::run::run(&mut planner, &session.store, &session.machine, &settings, observer.as_mut(), &interrupt);
    drop(observer);
    conclude(&summary, began.elapsed().as_secs_f64(), as_json);
    if !as_json {
        remote_counts(&session.store).iter().for_each(print_error);
    }
    if !as_json {
        say_incomplete(session, selection, &summary);
    }
    Ok(summary)
}

/// A name that is neither a run's identifier nor `latest`.
fn run_name(text: &str) -> std::result::Result<String, String> {
    if !is_plain(text) {
        return Err("expected letters, digits, '-' and '_'".to_owned());
    }
    if text.starts_with("latest") || text.starts_with(|first: char| first.is_ascii_digit()) {
        return Err("expected a name that begins with a letter and is not 'latest'".to_owned());
    }
    Ok(text.to_owned())
}

/// Finds damage that the sizes of files do not show, such as an edit of the same size. What is damaged goes to quarantine.
fn verify(session: &Session, selection: &Selection, as_json: bool) -> Result<()> {
    let results = {
        let _lock = session.store.lock_shared()?;
        session.current(selection)?
    };
    let watched = session.store.clone().watched(Arc::new(Steps::new("verify")));
    let found = watched.verify_results(results.values().map(AsRef::as_ref))?;
    for damage in &found.damage {
        if as_json {
            print_line(
                json!({ "event": "damage", "path": damage.path, "why": damage.why, "quarantined": damage.quarantined }),
            );
        } else {
            print_error(format!("damaged, so it is made again: {}: {}", damage.path.display(), damage.why));
        }
    }
    if !as_json {
        print_error(format!("{} artifacts ({}) verified", found.artifacts, size(found.bytes)));
    }
    Ok(())
}

/// How many jobs may be in the queue of a cluster at once, unless the user says otherwise.
const CLUSTER_JOBS: usize = 100;

/// How a run of the pipeline is to go that ends with the first failure.
pub(super) fn settings(session: &Session, execution: &ExecutionArguments) -> Result<Settings> {
    Ok(Settings {
        worker: session.worker.clone(),
        supervisor: std::env::current_exe()
            .map_err(|error| Error::io("reading", Path::new("/proc/self/exe"), error))?,
        jobs: execution.jobs.map_or(session.machine.threads, usize::from),
        cluster_jobs: execution.jobs.map(usize::from).or(session.slurm.jobs).unwrap_or(CLUSTER_JOBS),
        slurm: session.slurm.clone(),
        detach: false,
        keep_going: false,
        device: execution.device.clone(),
        arguments: command_line().skip(1).collect(),
        label: RunLabel::default(),
        project: session.file.parent().map(Path::to_owned).unwrap_or_default(),
    })
}

/// Whoever shows the run: a program, or a person at a terminal or not.
pub(super) fn observer(json: bool) -> Box<dyn Observer> {
    if json {
        Box::new(Json(std::io::stdout()))
    } else if std::io::stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::new(std::io::stderr()))
    }
}

/// After a failure in a sweep: which points came to their end, and which did not.
fn say_incomplete(session: &Session, selection: &Selection, summary: &Summary) {
    let points = &session.graph.points;
    let is_complete = |point: &&Point| {
        point
            .stages
            .values()
            .filter(|stage| selection.scope.contains(stage))
            .all(|stage| summary.outputs.contains_key(stage))
    };
    let incomplete: Vec<&str> =
        points.iter().filter(|point| !is_complete(point)).map(|point| point.name.as_str()).collect();
    if points.len() < 2 || incomplete.is_empty() {
        return;
    }
    let complete = points.len() - incomplete.len();
    let text = format!("{complete} of {} points complete; not {}", points.len(), incomplete.join(", "));
    print_error(&text);
}

/// The last line: how many stages are in each state.
fn conclude(summary: &Summary, seconds: f64, as_json: bool) {
    let Summary { done, cached, failed, skipped, failure, .. } = summary;
    if as_json {
        let code = failure.as_ref().map_or(0, Error::exit_code);
        let line = json!({
            "event": "done", "done": done, "cached": cached, "failed": failed, "skipped": skipped, "seconds": seconds, "code": code,
        });
        print_line(&line);
        return;
    }
    let mut text = format!("{done} done, {cached} cached");
    if *failed > 0 {
        text += &format!(", {failed} failed");
    }
    if *skipped > 0 {
        text += &format!(", {skipped} skipped");
    }
    print_error(format!("{text}, in {}", duration(seconds)));
}
