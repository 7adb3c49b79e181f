//! `--set stage.parameter=value`: the same setting as in the file, from the command line.

use crate::error::{Error, Result};
use crate::key::{is_plain, suggestion};
use crate::pipeline::model::{Pipeline, Setting, StageEntry};
use crate::pipeline::values::{NUL, has_nul, value_of_argument};
use crate::source::{Place, Placed, Source};
use std::sync::Arc;

/// Applies one `--set` argument: `seed=7` or `stage.parameter=value`. A value that is not TOML is taken as text.
pub(super) fn apply(pipeline: &mut Pipeline, argument: &str) -> Result<()> {
    let source = Arc::new(Source::Argument(argument.to_owned()));
    let whole = || Place::new(&source, 0..argument.len());
    let Some((target, text)) = argument.split_once('=') else {
        return Err(Error::Usage {
            message: format!("--set {argument}: expected STAGE.PARAMETER=VALUE"),
            hint: Some("for example --set tasks.negatives=4".to_owned()),
        });
    };
    let value = value_of_argument(text);
    let value = Placed { value, place: Place::new(&source, target.len() + 1..argument.len()) };
    if has_nul(&value.value) {
        return Err(Error::Parameter { message: NUL.to_owned(), place: value.place, hint: None });
    }
    if pipeline.sweep.as_ref().is_some_and(|sweep| sweep.sets(target)) {
        let message = format!("'{target}' is an axis of the sweep, so it cannot be set");
        let hint = Some("--point picks points of the sweep".to_owned());
        return Err(Error::Parameter { message, place: whole(), hint });
    }
    if target == "seed" {
        pipeline.seed = unsigned(&value)?;
        return Ok(());
    }
    let Some((stage, key)) = target.split_once('.') else {
        let message = format!("'{target}' names no parameter: expected STAGE.PARAMETER or seed");
        return Err(Error::Parameter { message, place: whole(), hint: None });
    };
    let names: Vec<String> = pipeline.stages.iter().map(|stage| stage.name.to_string()).collect();
    let Some(entry) = pipeline.stages.iter_mut().find(|entry| entry.name.as_str() == stage) else {
        let hint = suggestion(stage, names.iter().map(String::as_str), "its stages are");
        let message = format!("pipeline '{}' has no stage '{stage}'", pipeline.name);
        return Err(Error::Parameter { message, place: Place::new(&source, 0..stage.len()), hint: Some(hint) });
    };
    let key = Placed { value: key.to_owned(), place: Place::new(&source, stage.len() + 1..target.len()) };
    if !is_plain(&key.value) {
        let message = format!("'{}' cannot name a parameter: expected letters, digits, '-' and '_'", key.value);
        return Err(Error::Parameter { message, place: key.place, hint: None });
    }
    set(entry, Setting { key, value })
}

/// Sets a parameter, a path or the seed of a stage, in place of what it was.
pub(crate) fn set(entry: &mut StageEntry, setting: Setting) -> Result<()> {
    if setting.key.value == "seed" {
        entry.seed = Some(unsigned(&setting.value)?);
        return Ok(());
    }
    if entry.command.is_some() {
        declared(entry, &setting.key)?;
    }
    entry.settings.retain(|known| known.key.value != setting.key.value);
    entry.settings.push(setting);
    Ok(())
}

/// A command has no parameters but those that the file gives it.
fn declared(entry: &StageEntry, key: &Placed<String>) -> Result<()> {
    let names: Vec<&str> = entry.settings.iter().map(|setting| setting.key.value.as_str()).collect();
    if names.contains(&key.value.as_str()) {
        return Ok(());
    }
    let hint = suggestion(&key.value, names.iter().copied(), "its parameters are");
    let message = format!("command '{}' has no parameter '{}'", entry.name, key.value);
    Err(Error::Parameter { message, place: key.place.clone(), hint: Some(hint) })
}

/// A seed.
pub(crate) fn unsigned(value: &Placed<serde_json::Value>) -> Result<u64> {
    value.value.as_u64().ok_or_else(|| Error::Parameter {
        message: format!("seed is {}, expected a whole number, zero or more", value.value),
        place: value.place.clone(),
        hint: None,
    })
}
