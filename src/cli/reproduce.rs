//! `pipe reproduce`: runs again in an empty store, and compares what comes out.

use crate::cli::completion;
use crate::cli::lock::locked;
use crate::cli::options::{ExecutionArguments, PipelineArguments};
use crate::cli::run::{observer, settings};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::plan::{Selection, SelectionOptions};
use crate::report::lock::Lock;
use crate::report::reproduce::{Against, Comparison, Judged, Verdict};
use crate::run::{Interrupt, Settings, Summary};
use crate::store::{Action, Scratch, Store, new_run_id};
use crate::terminal::print_line;
use crate::worker;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use petgraph::graph::NodeIndex;
use serde_json::json;
use std::collections::BTreeMap;

/// Run again in an empty store, and say whether every stage made the same.
#[derive(Debug, Args)]
pub(crate) struct ReproduceArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// Run only this stage again; what enters it comes from the store.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) stage: Option<String>,
    /// How many times to run again, each time in an empty store, until something differs.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) times: u16,
    /// Compare with the pipeline's lock, not with the store.
    #[arg(long)]
    pub(super) locked: bool,
    #[command(flatten)]
    pub(super) execution: ExecutionArguments,
}

/// Runs again and compares.
pub(super) fn reproduce(arguments: &ReproduceArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let options = SelectionOptions { only: arguments.stage.clone(), ..SelectionOptions::default() };
    let selection = session.select(&options)?;
    let lock = if arguments.locked {
        Some(locked(&session, &mut session.planner(&selection), arguments.pipeline.output.json)?)
    } else {
        None
    };
    let missing = session.planner(&selection).missing()?;
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    session.store.prepare()?;
    let reproducer = Reproducer {
        settings: settings(&session, &arguments.execution)?,
        session: &session,
        selection,
        interrupt: Interrupt::listen(),
        arguments,
    };
    let there = reproducer.there()?;
    let (lock, against) = match lock {
        Some(lock) => (lock, Against::Lock),
        None => (Lock::of(&session.graph, &reproducer.selection.scope, &there, &session.store)?, Against::Store),
    };
    let scratch = reproducer.keep(&there)?;
    for time in 1..=arguments.times {
        let judged = reproducer.again(time, &there, &lock, &scratch)?;
        reproducer.say(time, against, &judged);
        let failures: Vec<String> = judged.iter().filter_map(Judged::failure).collect();
        if !failures.is_empty() {
            return Err(Error::NotReproduced(failures));
        }
    }
    Ok(())
}

struct Reproducer<'a> {
    session: &'a Session,
    selection: Selection,
    settings: Settings,
    interrupt: Interrupt,
    arguments: &'a ReproduceArguments,
}

impl Reproducer<'_> {
    /// The results in the store that are needed: to compare with, and as what enters a stage that runs alone. What is not
    /// cached is run first.
    fn there(&self) -> Result<BTreeMap<NodeIndex, Box<Action>>> {
        if self.arguments.locked && self.arguments.stage.is_none() {
            return Ok(BTreeMap::new());
        }
        let options = SelectionOptions { until: self.arguments.stage.clone(), ..SelectionOptions::default() };
        let selection = self.session.select(&options)?;
        let _hold = self.run(&selection, &self.session.store)?.hold;
        self.session.current(&selection)
    }

    /// A folder in the store to run in, which goes when it is dropped, and with which the results that are needed are kept.
    fn keep(&self, there: &BTreeMap<NodeIndex, Box<Action>>) -> Result<Scratch> {
        let store = &self.session.store;
        let scratch = store.scratch(&new_run_id())?;
        let mut needs = store.needs()?;
        there.values().try_for_each(|action| needs.add_result(action))?;
        needs.write_down(&scratch)?;
        Ok(scratch)
    }

    /// Runs in an empty store, and judges what comes out.
    fn again(
        &self,
        time: u16,
        there: &BTreeMap<NodeIndex, Box<Action>>,
        lock: &Lock,
        scratch: &Scratch,
    ) -> Result<Vec<Judged>> {
        let again = Store::new(scratch.attempt(&format!("again-{time}"))?);
        again.prepare()?;
        for (_, action) in there.iter().filter(|(stage, _)| !self.selection.runnable.contains(stage)) {
            self.session.store.link_into(action, &again)?;
        }
        self.run(&self.selection, &again).map_err(|error| self.keep_log(error))?;
        let made = self.session.current_in(&self.selection, &again)?;
        let comparison = Comparison {
            graph: &self.session.graph,
            reference: lock,
            store: &self.session.store,
            again: &again,
            worker: worker::find(self.arguments.pipeline.worker.worker.clone()).ok(),
        };
        let judged = comparison.judge(&made, &self.selection.runnable)?;
        // Several times need no more room than one. What cannot be removed goes with the whole folder.
        drop(std::fs::remove_dir_all(again.root()));
        Ok(judged)
    }

    /// The same error, with the log of the stage at fault where it stays when the store that it was in goes.
    fn keep_log(&self, mut error: Error) -> Error {
        if let Some(log) = error.log_mut()
            && let Some(name) = log.file_name()
        {
            let kept = self.session.store.root().join("tmp").join(format!("reproduce-{}", name.to_string_lossy()));
            if std::fs::copy(&log, &kept).is_ok() {
                *log = kept;
            }
        }
        error
    }

    fn run(&self, selection: &Selection, store: &Store) -> Result<Summary> {
        let mut planner = self.session.planner_in(selection, store);
        // Standard output is for what the comparison comes to.
        let mut observer = observer(false);
        let machine = &self.session.machine;
        let mut summary =
            crate::run::run(&mut planner, store, machine, &self.settings, observer.as_mut(), &self.interrupt);
        summary.failure.take().map_or(Ok(summary), Err)
    }

    /// What became of each stage, and what was compared with what.
    fn say(&self, time: u16, against: Against, judged: &[Judged]) {
        let count = |wanted: fn(&Verdict) -> bool| judged.iter().filter(|judged| wanted(&judged.verdict)).count();
        let same = count(|verdict| matches!(verdict, Verdict::Same));
        let differ = count(Verdict::is_failure);
        let by_metrics = count(|verdict| matches!(verdict, Verdict::Expected(_) | Verdict::Unexpected(_)));
        for judged in judged {
            let line = if self.arguments.pipeline.output.json {
                let mut line = judged.json();
                line["event"] = "reproduced".into();
                line["time"] = time.into();
                line.to_string()
            } else {
                judged.text()
            };
            print_line(&line);
        }
        let stages = judged.len();
        let last = if self.arguments.pipeline.output.json {
            json!({
                "event": "done", "time": time, "times": self.arguments.times, "against": against.to_string(),
                "stages": stages, "same": same, "differ": differ, "by_metrics": by_metrics,
            })
            .to_string()
        } else {
            let metrics = if by_metrics > 0 { format!(", {by_metrics} by metrics") } else { String::new() };
            let times = self.arguments.times;
            format!(
                "time {time} of {times}: {stages} stages run again and compared with {against} by digest{metrics}: \
                 {same} the same, {differ} not reproduced"
            )
        };
        print_line(&last);
    }
}
