//! `pipe run`: runs what is not cached, then prints the metrics.

use crate::cli::arguments::RunArguments;
use crate::cli::lock::locked;
use crate::cli::metrics::{print, rows};
use crate::cli::opened::Opened;
use crate::cli::plan::show;
use crate::error::{Error, Result};
use crate::plan::{Point, Selection};
use crate::report::metrics;
use crate::run::{Interrupt, Json, Observer, Settings, Summary};
use crate::terminal::{Bars, Lines, duration};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Instant;

/// Runs a pipeline.
pub fn run(arguments: &RunArguments) -> Result<()> {
    let began = Instant::now();
    let opened = Opened::open(&arguments.pipeline)?;
    let selection = opened.select(&arguments.selection.wishes())?;
    let mut planner = opened.planner(&selection);
    if arguments.locked {
        locked(&opened, &mut planner, arguments.pipeline.json)?;
    }
    if arguments.dry_run {
        return show(&opened, &mut planner, arguments.pipeline.json);
    }
    let missing = planner.missing()?;
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    opened.store.prepare()?;
    let settings =
        Settings { keep_going: arguments.keep_going, ..settings(&opened, arguments.jobs, &arguments.device)? };
    let mut observer = observer(arguments.pipeline.json);
    let interrupt = Interrupt::listen();
    let summary =
        crate::run::run(&mut planner, &opened.store, &opened.machine, &settings, observer.as_mut(), &interrupt);
    drop(observer);
    conclude(&summary, began.elapsed().as_secs_f64(), arguments.pipeline.json);
    if !arguments.pipeline.json {
        say_incomplete(&opened, &selection, &summary);
    }
    if let Some(error) = summary.failure {
        return Err(error);
    }
    if !arguments.pipeline.json {
        print(&rows(&opened, &selection, &summary.outputs, metrics::MAIN)?, false);
    }
    Ok(())
}

/// How a run of the pipeline is to go that ends with the first failure.
pub(super) fn settings(opened: &Opened, jobs: Option<u16>, device: &str) -> Result<Settings> {
    Ok(Settings {
        worker: opened.worker.clone(),
        supervisor: std::env::current_exe()
            .map_err(|error| Error::io("reading", Path::new("/proc/self/exe"), error))?,
        jobs: jobs.map_or(opened.machine.threads, usize::from),
        keep_going: false,
        device: device.to_owned(),
        arguments: super::command_line().skip(1).collect(),
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
fn say_incomplete(opened: &Opened, selection: &Selection, summary: &Summary) {
    let points = &opened.graph.points;
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
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// The last word: how many stages are in each state.
fn conclude(summary: &Summary, seconds: f64, as_json: bool) {
    let Summary { done, cached, failed, skipped, failure, .. } = summary;
    // Nobody may be reading any more; the exit code tells.
    if as_json {
        let code = failure.as_ref().map_or(0, Error::exit_code);
        let line = json!({
            "event": "done", "done": done, "cached": cached, "failed": failed, "skipped": skipped, "seconds": seconds, "code": code,
        });
        drop(writeln!(std::io::stdout(), "{line}"));
        return;
    }
    let mut text = format!("{done} done, {cached} cached");
    if *failed > 0 {
        text += &format!(", {failed} failed");
    }
    if *skipped > 0 {
        text += &format!(", {skipped} skipped");
    }
    drop(writeln!(std::io::stderr(), "{text}, in {}", duration(seconds)));
}
