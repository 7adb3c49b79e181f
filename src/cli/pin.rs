//! `pipe pin`: results that stay, whatever else goes.

use crate::cli::options::{OutputArguments, PipelineArguments, StoreArguments, VariantArguments, WorkerArguments};
use crate::cli::session::Session;
use crate::cli::target::{Target, current};
use crate::error::{Error, Result};
use crate::key::{Key, RunId, StageName, is_plain};
use crate::pipeline;
use crate::store::{Pin, Store, now};
use crate::terminal::{local, print, table};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keep results whatever the options of `pipe cache gc`.
#[derive(Debug, Args)]
pub(crate) struct PinArguments {
    /// The pipeline whose current results are to stay.
    #[arg(required_unless_present_any = ["list", "remove"])]
    pub(super) pipeline: Option<String>,
    /// Only this stage's.
    pub(super) stage: Option<String>,
    /// What to call the pin; the pipeline's name, and the stage's, when not given.
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// The results that this run made or used, instead of the current ones.
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    /// List the pins.
    #[arg(long, conflicts_with_all = ["pipeline", "stage", "name", "run", "remove"])]
    pub(super) list: bool,
    /// Remove a pin. Its results stay until `pipe cache gc` finds that nothing else keeps them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["pipeline", "stage", "name", "run"])]
    pub(super) remove: Option<String>,
    #[command(flatten)]
    pub(super) variant: VariantArguments,
    #[command(flatten)]
    pub(super) worker: WorkerArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Makes, lists or removes pins.
pub(super) fn pin(arguments: &PinArguments) -> Result<()> {
    let text = match (&arguments.remove, &arguments.pipeline) {
        (Some(name), _) => remove(arguments, name)?,
        (None, Some(pipeline)) => make(arguments, pipeline)?,
        (None, None) => list(arguments)?,
    };
    print(&text);
    Ok(())
}

fn remove(arguments: &PinArguments, name: &str) -> Result<String> {
    let store = arguments.store.open()?;
    let names: Vec<String> = store.pins()?.into_iter().map(|pin| pin.name).collect();
    if !names.iter().any(|known| known == name) || !store.unpin(name)? {
        let hint =
            if names.is_empty() { "there are none".to_owned() } else { format!("there is {}", names.join(", ")) };
        return Err(Error::Usage { message: format!("there is no pin '{name}'"), hint: Some(hint) });
    }
    Ok(if arguments.output.json { format!("{}\n", json!({ "removed": name })) } else { format!("removed {name}\n") })
}

fn list(arguments: &PinArguments) -> Result<String> {
    let pins = arguments.store.open()?.pins()?;
    if arguments.output.json {
        let lines: Vec<String> = pins.iter().map(|pin| json!(pin).to_string()).collect();
        return Ok(format!("[{}]\n", lines.join(",\n ")));
    }
    if pins.is_empty() {
        return Ok("no pins\n".to_owned());
    }
    let row = |pin: &Pin| {
        let stages: Vec<&str> = pin.keys.keys().map(StageName::as_str).collect();
        let cells = [
            ("name", pin.name.clone()),
            ("pipeline", pin.pipeline.clone()),
            ("made", local(pin.made)),
            ("run", pin.run.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("stages", stages.join(", ")),
        ];
        cells.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
    };
    Ok(table(&pins.iter().map(row).collect::<Vec<_>>()))
}

fn make(arguments: &PinArguments, pipeline: &str) -> Result<String> {
    let stage = arguments.stage.as_deref();
    let (store, pin) = match &arguments.run {
        Some(run) => of_run(arguments, pipeline, stage, run)?,
        None => of_now(arguments, pipeline, stage)?,
    };
    if !is_plain(&pin.name) {
        return Err(Error::Usage {
            message: format!("'{}' cannot name a pin", pin.name),
            hint: Some("use letters, digits, '-' and '_'".to_owned()),
        });
    }
    store.pin(&pin)?;
    Ok(if arguments.output.json {
        format!("{}\n", json!(pin))
    } else {
        format!("pinned {} results of {} as {}\n", pin.keys.len(), pin.pipeline, pin.name)
    })
}

/// A pin of what the pipeline says now.
fn of_now(arguments: &PinArguments, pipeline: &str, stage: Option<&str>) -> Result<(Store, Pin)> {
    let session = Session::open(&PipelineArguments {
        pipeline: pipeline.to_owned(),
        variant: arguments.variant.clone(),
        store: arguments.store.clone(),
        worker: arguments.worker.clone(),
        slots: None,
        executor: None,
        output: arguments.output,
    })?;
    let targets = match stage {
        Some(stage) => Target::each(&session, stage)?,
        None => Target::all(&session)?,
    };
    let _lock = session.store.lock_shared()?;
    let actions = current(&session, &targets)?;
    let name = |target: &Target| session.graph.stages[target.stage].name.clone();
    let keys = targets.iter().zip(&actions).map(|(target, action)| (name(target), action.key)).collect();
    let pin = pin_of(arguments, &session.graph.pipeline, None, keys);
    Ok((session.store, pin))
}

/// A pin of what a run made or used.
fn of_run(arguments: &PinArguments, pipeline: &str, stage: Option<&str>, run: &str) -> Result<(Store, Pin)> {
    let (located, pipeline) = pipeline::load(pipeline, &arguments.variant.profiles, &[])?;
    let store = Store::new(arguments.store.store.clone().unwrap_or_else(|| located.project.join("artifacts")));
    let record = store.find_run(run)?;
    let run = record.run.clone();
    if record.pipeline != pipeline.name {
        let message = format!("run {run} is one of pipeline '{}', not of '{}'", record.pipeline, pipeline.name);
        return Err(Error::Usage { message, hint: None });
    }
    // The stage at every point of a sweep, or at one.
    let is_meant = |name: &StageName| stage.is_none_or(|stage| stage == name.as_str() || stage == name.stage());
    let keys: BTreeMap<StageName, Key> = record
        .stages
        .into_iter()
        .filter(|stage| stage.status.has_result() && is_meant(&stage.stage))
        .filter_map(|stage| Some((stage.stage, stage.key?)))
        .collect();
    if keys.is_empty() {
        return Err(Error::NoResults(format!("run {run} has no result of {}", stage.unwrap_or("any stage"))));
    }
    Ok((store, pin_of(arguments, &pipeline.name, Some(run), keys)))
}

fn pin_of(arguments: &PinArguments, pipeline: &str, run: Option<RunId>, keys: BTreeMap<StageName, Key>) -> Pin {
    let plain = match &arguments.stage {
        Some(stage) => format!("{pipeline}-{stage}"),
        None => pipeline.to_owned(),
    };
    let plain = plain.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_', "-");
    let name = arguments.name.clone().unwrap_or(plain);
    Pin { name, pipeline: pipeline.to_owned(), run, keys, made: now() }
}
