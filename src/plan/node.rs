//! A stage of the graph by itself: an entry of the file, checked against what the stage says of itself.

use crate::error::{Error, Result};
use crate::key::{Digest, FieldHasher, InputName, Label, Manifest, PortName, StageName, did_you_mean, suggestion};
use crate::pipeline::{CommandEntry, ExecutorKind, JobResources, KEYS, Resources, Setting, StageEntry, resolve};
use crate::plan::command::{self, CommandLine};
use crate::plan::origin::Origin;
use crate::plan::parameter::parameters_of;
use contract::{Description, InputPort};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A stage of the graph, ready to be planned.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name, which no other node of the graph has.
    pub name: StageName,
    /// Its name in the file, which it shares with the same stage at other points of a sweep.
    pub stage: StageName,
    /// What the stage says of itself.
    pub description: Arc<Description>,
    /// Its parameters, defaults filled in, in canonical form.
    pub parameters: Map<String, Value>,
    /// Its seed, if anything in it is random.
    pub seed: Option<u64>,
    /// What enters, by input.
    pub inputs: BTreeMap<InputName, Origin>,
    /// The paths of external inputs as they are written, with their variables.
    pub written_paths: BTreeMap<InputName, String>,
    /// What it needs of the machine.
    pub resources: Resources,
    /// What does the work.
    pub program: Program,
    /// How often it is tried again after a failure that may pass.
    pub retries: usize,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Where it runs.
    pub executor: ExecutorKind,
}

impl Node {
    /// How many processes run it together: as the pipeline says, or one for each GPU where its work can be split.
    #[must_use]
    pub fn ranks(&self) -> usize {
        let by_gpus = if self.description.ranks { self.resources.gpus } else { 1 };
        self.resources.ranks.unwrap_or(by_gpus).max(1)
    }

    /// What its key is made of, but for what is at its inputs.
    pub(crate) fn manifest(&self) -> Manifest {
        Manifest {
            command: match &self.program {
                Program::Worker => None,
                Program::Command(line) => Some(line.fields.clone()),
            },
            parameters: self.parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            seed: self.seed,
            ..Manifest::new(&*self.description.name, &*self.description.version)
        }
    }

    /// The digest of all that makes a node what it is, but for its name: nodes of one identity are one node.
    pub(super) fn identity(&self) -> Digest {
        let mut hasher = FieldHasher::new("pipe-node-1");
        hasher.field(self.stage.as_str().as_bytes());
        hasher.field(self.manifest().key().0.as_bytes());
        hasher.field(&self.inputs.len().to_le_bytes());
        for (input_name, origin) in &self.inputs {
            hasher.field(input_name.port.as_str().as_bytes());
            hasher.field(input_name.label.as_str().as_bytes());
            match origin {
                Origin::Output { stage, port } => {
                    hasher.field(&stage.index().to_le_bytes());
                    hasher.field(port.as_str().as_bytes());
                }
                Origin::External(path) => {
                    hasher.field(b"");
                    hasher.field(path.as_os_str().as_encoded_bytes());
                }
            }
        }
        let secrets = match &self.program {
            Program::Worker => &[][..],
            Program::Command(line) => &line.secrets,
        };
        hasher.field(&secrets.len().to_le_bytes());
        secrets.iter().for_each(|name| hasher.field(name.as_bytes()));
        let Resources { gpus, threads, ranks, memory, device, job } = &self.resources;
        hasher.field(&gpus.to_le_bytes());
        for count in [threads, ranks] {
            hasher.field(&count.map_or_else(Vec::new, |count| count.to_le_bytes().to_vec()));
        }
        hasher.field(&memory.to_le_bytes());
        hasher.field(device.as_deref().unwrap_or_default().as_bytes());
        hasher.field(&self.retries.to_le_bytes());
        hasher.field(&self.timeout.map_or(0, |limit| limit.as_nanos()).to_le_bytes());
        hasher.field(self.executor.name().as_bytes());
        if *job != JobResources::default() {
            hasher.field(&serde_json::to_vec(job).unwrap_or_default());
        }
        hasher.finish()
    }
}

/// What does a stage's work.
#[derive(Clone, Debug)]
pub enum Program {
    /// The worker.
    Worker,
    /// A program of the user's.
    Command(Arc<CommandLine>),
}

/// What the worker's stages say of themselves, by name.
pub(super) type Known = BTreeMap<String, Arc<Description>>;

/// A stage by itself, without what enters from other stages.
pub(super) fn node(entry: &StageEntry, seed: u64, known: &Known, folder: &Path) -> Result<Node> {
    match &entry.command {
        Some(command) => of_command(entry, command, seed, folder),
        None => Builder { entry, folder, description: describe(entry, known)? }.node(seed),
    }
}

fn of_command(entry: &StageEntry, command: &CommandEntry, pipeline_seed: u64, folder: &Path) -> Result<Node> {
    let parts = command::parts(entry, command, folder)?;
    check_ranks(entry, &parts.description)?;
    Ok(Node {
        name: entry.name.clone(),
        stage: entry.name.clone(),
        seed: parts.description.seeded.then(|| entry.seed.unwrap_or(pipeline_seed)),
        description: Arc::new(parts.description),
        parameters: parts.parameters,
        inputs: parts.inputs,
        written_paths: parts.written_paths,
        resources: entry.resources.clone(),
        program: Program::Command(Arc::new(parts.line)),
        retries: entry.retries,
        timeout: entry.timeout,
        executor: entry.executor,
    })
}

/// Refuses ranks of a stage whose work cannot be split.
fn check_ranks(entry: &StageEntry, description: &Description) -> Result<()> {
    let Some(ranks) = entry.resources.ranks.filter(|&ranks| ranks > 1 && !description.ranks) else { return Ok(()) };
    Err(Error::Graph {
        message: format!("{}: resources.ranks is {ranks}, but {} runs as one process", entry.name, description.name),
        place: entry.uses.place.clone(),
        hint: Some("finetune and precache can run as several; remove ranks from this stage's resources".to_owned()),
    })
}

fn describe(entry: &StageEntry, known: &Known) -> Result<Arc<Description>> {
    known.get(&entry.uses.value).cloned().ok_or_else(|| Error::Graph {
        message: format!("there is no stage '{}'", entry.uses.value),
        place: entry.uses.place.clone(),
        hint: Some(suggestion(&entry.uses.value, known.keys().map(String::as_str), "the stages are")),
    })
}

/// Turns one entry of the file into a node, except for what enters from other stages.
struct Builder<'a> {
    entry: &'a StageEntry,
    folder: &'a Path,
    description: Arc<Description>,
}

impl Builder<'_> {
    fn node(self, pipeline_seed: u64) -> Result<Node> {
        let expected = parameters_of(&self.description)?;
        let mut values: Map<String, Value> =
            expected.iter().map(|parameter| (parameter.name.clone(), parameter.default.clone())).collect();
        let (mut inputs, mut written_paths) = (BTreeMap::new(), BTreeMap::new());
        for setting in &self.entry.settings {
            let key = setting.key.value.as_str();
            if let Some(parameter) = expected.iter().find(|parameter| parameter.name == key) {
                let value =
                    parameter.expected.check(&setting.value.value).map_err(|(message, hint)| Error::Parameter {
                        message: format!("{}.{key}: {message}", self.entry.name),
                        place: setting.value.place.clone(),
                        hint,
                    })?;
                values.insert(key.to_owned(), value);
            } else if let Some(port) = self.description.inputs.iter().find(|port| port.external && port.name == key) {
                for (input_name, path, text) in self.paths(setting, port)? {
                    inputs.insert(input_name.clone(), Origin::External(path));
                    written_paths.insert(input_name, text);
                }
            } else {
                let names = expected.iter().map(|parameter| parameter.name.as_str());
                let ports = self.description.inputs.iter().filter(|port| port.external).map(|port| port.name.as_str());
                return Err(self.unknown(setting, names.chain(ports)));
            }
        }
        check_ranks(self.entry, &self.description)?;
        let seed = self.description.seeded.then(|| self.entry.seed.unwrap_or(pipeline_seed));
        Ok(Node {
            name: self.entry.name.clone(),
            stage: self.entry.name.clone(),
            description: self.description,
            parameters: values,
            seed,
            inputs,
            written_paths,
            resources: self.entry.resources.clone(),
            program: Program::Worker,
            retries: self.entry.retries,
            timeout: self.entry.timeout,
            executor: self.entry.executor,
        })
    }

    /// The paths that a port is bound to, each with its input and as it is written. One path has no label; several, of a list
    /// or a pattern, are labelled by their numbers.
    fn paths(&self, setting: &Setting, port: &InputPort) -> Result<Vec<(InputName, PathBuf, String)>> {
        let written: Vec<&Value> = match &setting.value.value {
            Value::Array(entries) if port.several_paths => entries.iter().collect(),
            one => vec![one],
        };
        let mut paths = Vec::new();
        for value in written {
            let path = self.path(setting, value)?;
            let text = value.as_str().unwrap_or_default();
            let matching = if port.several_paths { matching(&path) } else { Vec::new() };
            // A pattern that nothing matches stays as it is: the path that is missing.
            let found = if matching.is_empty() { vec![path] } else { matching };
            paths.extend(found.into_iter().map(|path| (path, text.to_owned())));
        }
        let is_one = paths.len() == 1;
        let named = |(number, (path, text)): (usize, (PathBuf, String))| {
            // Of one length, so that they are in the order of the numbers.
            let label = if is_one { String::new() } else { format!("{number:06}") };
            (InputName { port: PortName::new(&*port.name), label: Label::new(label) }, path, text)
        };
        Ok(paths.into_iter().enumerate().map(named).collect())
    }

    fn path(&self, setting: &Setting, value: &Value) -> Result<PathBuf> {
        let fault = |message: String, hint| Error::Parameter { message, place: setting.value.place.clone(), hint };
        let key = &setting.key.value;
        let Some(text) = value.as_str() else {
            return Err(fault(format!("{}.{key}: expected a path in quotes", self.entry.name), None));
        };
        let folder = setting.value.place.source.folder();
        resolve(text, folder.as_deref().unwrap_or(self.folder)).map_err(|message| {
            fault(format!("{}.{key}: {message}", self.entry.name), Some("${NAME:-default} gives a default".to_owned()))
        })
    }

    fn unknown<'a>(&self, setting: &Setting, names: impl Iterator<Item = &'a str> + Clone) -> Error {
        let key = &setting.key.value;
        Error::Parameter {
            message: format!("stage '{}' has no parameter '{key}'", self.description.name),
            place: setting.key.place.clone(),
            hint: did_you_mean(key, names.clone().chain(KEYS))
                .or_else(|| Some(suggestion(key, names, "its parameters are"))),
        }
    }
}

/// The files and folders that a path with `*`, `?` or `[` in it matches, in order; none for any other path.
fn matching(path: &Path) -> Vec<PathBuf> {
    let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '['])) else { return Vec::new() };
    if path.exists() {
        return Vec::new();
    }
    let found = glob::glob(pattern).map(|found| found.filter_map(std::result::Result::ok).collect());
    found.unwrap_or_default()
}
