//! From the name that a user gives to a pipeline: its file, the files that it extends, profiles and `--set`.

use crate::error::{Error, Result};
use crate::key::suggestion;
use crate::pipeline::layer::{Layer, assemble};
use crate::pipeline::locate::{Located, locate};
use crate::pipeline::model::Pipeline;
use crate::pipeline::overrides::apply;
use crate::pipeline::parse::layer;
use crate::pipeline::values::too_long;
use crate::source::{Place, Placed, Source};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Finds, reads and parses a pipeline with the layers below it, puts the profiles on top, then applies `--set`.
///
/// A profile's layers join the pipeline's name: results for one are not taken for the newest of another.
pub fn load(asked: &str, profiles: &[String], settings: &[String]) -> Result<(Located, Pipeline)> {
    let located = locate(asked)?;
    let mut reading = Reading { profiles, open: Vec::new(), offered: BTreeSet::new(), used: BTreeSet::new() };
    let layers = reading.layers(&located.shown)?;
    reading.all_used()?;
    let text = fs_err::read_to_string(&located.file).map_err(|error| Error::io("reading", &located.file, error))?;
    let start = Place::new(&Arc::new(Source::File { path: located.shown.clone(), text }), 0..0);
    let mut pipeline = assemble(layers, &start)?;
    for profile in profiles {
        pipeline.name = format!("{}@{profile}", pipeline.name);
    }
    if let Some(message) = too_long(&pipeline.name, "a pipeline with its profiles") {
        return Err(Error::Usage { message, hint: Some("give the pipeline or a profile a shorter name".to_owned()) });
    }
    for setting in settings {
        apply(&mut pipeline, setting)?;
    }
    Ok((located, pipeline))
}

/// The names of the profiles that a pipeline offers.
pub fn profiles(asked: &str) -> Result<BTreeSet<String>> {
    let mut reading = Reading { profiles: &[], open: Vec::new(), offered: BTreeSet::new(), used: BTreeSet::new() };
    reading.layers(&locate(asked)?.shown)?;
    Ok(reading.offered)
}

struct Reading<'a> {
    profiles: &'a [String],
    /// The files that are being read, from the one asked for to the one at the bottom.
    open: Vec<PathBuf>,
    offered: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Reading<'_> {
    /// The layers of a file, those that it extends first, its profiles last.
    fn layers(&mut self, file: &Path) -> Result<Vec<Layer>> {
        self.open.push(identity(file));
        let text = fs_err::read_to_string(file).map_err(|error| Error::io("reading", file, error))?;
        let mut own = layer(&Arc::new(Source::File { path: file.to_owned(), text }))?;
        let profiles = std::mem::take(&mut own.profiles);
        self.offered.extend(profiles.iter().map(|(name, _)| name.value.clone()));
        let chosen: Vec<Layer> = self
            .profiles
            .iter()
            .filter_map(|asked| profiles.iter().find(|(name, _)| name.value == *asked))
            .map(|(name, layer)| {
                self.used.insert(name.value.clone());
                layer.clone()
            })
            .collect();
        // The last profile that names a base decides on what the file stands.
        let base = chosen.iter().rev().find_map(|profile| profile.extends.as_ref()).or(own.extends.as_ref());
        let mut layers = match base {
            Some(base) => self.below(file, base)?,
            None => Vec::new(),
        };
        layers.push(own);
        layers.extend(chosen);
        self.open.pop();
        Ok(layers)
    }

    fn below(&mut self, file: &Path, base: &Placed<String>) -> Result<Vec<Layer>> {
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        let mut path = folder.join(&base.value);
        if path.extension().is_none_or(|extension| extension != "toml") {
            path.as_mut_os_string().push(".toml");
        }
        let fault = |message: String, hint: Option<&str>| {
            Err(Error::Syntax { message, place: base.place.clone(), hint: hint.map(str::to_owned) })
        };
        if !path.is_file() {
            return fault(format!("there is no file {}", path.display()), Some("the path is relative to this file"));
        }
        if let Some(at) = self.open.iter().position(|open| *open == identity(&path)) {
            let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut names: Vec<String> = self.open[at..].iter().map(name).collect();
            names.extend(names.first().cloned());
            let message = format!("the files extend each other in a circle: {}", names.join(" → "));
            return fault(message, Some("let one of them stand alone"));
        }
        self.layers(&path)
    }

    fn all_used(&self) -> Result<()> {
        let Some(missing) = self.profiles.iter().find(|name| !self.used.contains(*name)) else { return Ok(()) };
        let names: Vec<&str> = self.offered.iter().map(String::as_str).collect();
        let hint = if names.is_empty() {
            "the pipeline has no profiles; [profile.NAME] makes one".to_owned()
        } else {
            suggestion(missing, names.iter().copied(), "its profiles are")
        };
        Err(Error::Usage { message: format!("there is no profile '{missing}'"), hint: Some(hint) })
    }
}

/// The same for every way to write a path.
fn identity(file: &Path) -> PathBuf {
    std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}
