//! `pipe pin`: results that stay, whatever else goes.

use crate::cli::arguments::{PinArguments, PipelineArguments};
use crate::cli::cache::{Target, current};
use crate::cli::opened::{Opened, open_store};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::key::{RunId, StageName, is_plain};
use crate::pipeline;
use crate::store::{Pin, Store, now};
use crate::terminal::{local, table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// Makes, lists or removes pins.
pub fn pin(arguments: &PinArguments) -> Result<()> {
    let text = match (&arguments.remove, &arguments.pipeline) {
        (Some(name), _) => remove(arguments, name)?,
        (None, Some(pipeline)) => make(arguments, pipeline)?,
        (None, None) => list(arguments)?,
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

fn remove(arguments: &PinArguments, name: &str) -> Result<String> {
    let store = open_store(&arguments.store)?;
    let names: Vec<String> = store.pins()?.into_iter().map(|pin| pin.name).collect();
    if !names.iter().any(|known| known == name) || !store.unpin(name)? {
        let hint =
            if names.is_empty() { "there are none".to_owned() } else { format!("there is {}", names.join(", ")) };
        return Err(Error::Usage { message: format!("there is no pin '{name}'"), hint: Some(hint) });
    }
    Ok(if arguments.store.json { format!("{}\n", json!({ "removed": name })) } else { format!("removed {name}\n") })
}

fn list(arguments: &PinArguments) -> Result<String> {
    let pins = open_store(&arguments.store)?.pins()?;
    if arguments.store.json {
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
    Ok(if arguments.store.json {
        format!("{}\n", json!(pin))
    } else {
        format!("pinned {} results of {} as {}\n", pin.keys.len(), pin.pipeline, pin.name)
    })
}

/// A pin of what the pipeline says now.
fn of_now(arguments: &PinArguments, pipeline: &str, stage: Option<&str>) -> Result<(Store, Pin)> {
    let opened = Opened::open(&PipelineArguments {
        pipeline: pipeline.to_owned(),
        settings: arguments.settings.clone(),
        profiles: arguments.profiles.clone(),
        points: arguments.points.clone(),
        store: arguments.store.store.clone(),
        worker: arguments.worker.clone(),
        slots: None,
        json: arguments.store.json,
    })?;
    let targets = match stage {
        Some(stage) => Target::each(&opened, stage)?,
        None => Target::all(&opened)?,
    };
    let _share = opened.store.share()?;
    let actions = current(&opened, &targets)?;
    let name = |target: &Target| opened.graph.stages[target.stage].name.clone();
    let keys = targets.iter().zip(&actions).map(|(target, action)| (name(target), action.key)).collect();
    let pin = pin_of(arguments, &opened.graph.pipeline, None, keys);
    Ok((opened.store, pin))
}

/// A pin of what a run made or used.
fn of_run(arguments: &PinArguments, pipeline: &str, stage: Option<&str>, run: &str) -> Result<(Store, Pin)> {
    let (located, pipeline) = pipeline::load(pipeline, &arguments.profiles, &[])?;
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
