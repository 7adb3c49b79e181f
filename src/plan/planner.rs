//! Deciding for each stage whether the store has its result, and if not, why not.

use crate::error::{Error, Result};
use crate::inputs::{ExternalInputs, StatSnapshot, python_imports};
use crate::key::{Difference, Digest, FILES, InputName, Key, Manifest, PortName, StageName};
use crate::pipeline::variables;
use crate::plan::graph::Graph;
use crate::plan::node::{Node, Program};
use crate::plan::origin::Origin;
use crate::plan::selection::Selection;
use crate::store::{Action, Lookup, StageState, Store};
use petgraph::graph::NodeIndex;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// The digests of what a stage made, by output.
pub type Outputs = BTreeMap<PortName, Digest>;

/// Why a stage runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// This pipeline never ran it.
    New,
    /// Its key differs from the last one in these key fields.
    Changed(Vec<Difference>),
    /// Its key is the last one, but the result is not in the store any more.
    Gone,
    /// Nothing differs, but its last result has a key of an earlier format.
    KeyFormat,
    /// Its result is damaged.
    Damaged(String),
    /// The user forced it, by `--force` or `--from`.
    Forced,
}

/// How many differences a line names; an explanation names them all.
const SHOWN: usize = 4;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("it has no result yet"),
            Self::Changed(differences) => {
                let text: Vec<String> = differences.iter().take(SHOWN).map(ToString::to_string).collect();
                f.write_str(&text.join(", "))?;
                match differences.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, ", and {more} more"),
                }
            }
            Self::Gone => f.write_str("its result is no longer in the store"),
            Self::KeyFormat => f.write_str("its result has a key of an earlier format"),
            Self::Damaged(why) => write!(f, "its result is damaged: {why}"),
            Self::Forced => f.write_str("forced"),
        }
    }
}

/// A stage that is to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its key.
    pub key: Key,
    /// What the key is made of.
    pub manifest: Manifest,
    /// Why it runs.
    pub reason: Reason,
}

/// What is decided for a stage once all its inputs are known.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The store has its result.
    Cached(Box<Action>),
    /// It is to run.
    Run(Box<Job>),
}

/// The state of a stage in a plan, with the reason for it.
#[derive(Clone, Debug)]
pub enum Outlook {
    /// The store has its result.
    Cached(Box<Action>),
    /// It will run.
    Run(Reason),
    /// It will run unless its inputs turn out as they were: these stages run before it.
    Waiting(Vec<StageName>),
    /// It cannot run: this is missing.
    Blocked(Vec<String>),
}

impl Outlook {
    /// Its state.
    pub fn state(&self) -> StageState {
        match self {
            Self::Cached(_) => StageState::Cached,
            Self::Run(_) => StageState::Run,
            Self::Waiting(_) => StageState::Waiting,
            Self::Blocked(_) => StageState::Blocked,
        }
    }

    /// The reason for the state, as a message that follows it; empty for a cached result.
    pub fn reason(&self) -> String {
        match self {
            Self::Cached(_) => String::new(),
            Self::Run(reason) => reason.to_string(),
            Self::Waiting(upstream) => {
                let names: Vec<&str> = upstream.iter().map(StageName::as_str).collect();
                format!("for {}", names.join(", "))
            }
            Self::Blocked(missing) => missing.join(", "),
        }
    }
}

/// A stage of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The stage.
    pub stage: NodeIndex,
    /// Its state, and why.
    pub outlook: Outlook,
    /// Whether it will run from the checkpoint of an earlier attempt.
    pub has_checkpoint: bool,
}

/// Decides for the stages of one graph.
pub struct Planner<'a> {
    /// The graph.
    pub graph: &'a Graph,
    /// Which of its stages are meant.
    pub selection: &'a Selection,
    store: &'a Store,
    inputs: ExternalInputs,
    lacks: Lacks<'a>,
    /// What was looked up ahead of its decision.
    ahead: BTreeMap<Key, Lookup>,
}

/// What the machine lacks for a stage, as messages; nothing when the stage fits.
pub type Lacks<'a> = Box<dyn Fn(&Node) -> Vec<String> + 'a>;

impl<'a> Planner<'a> {
    /// A planner that looks into `store`, on a machine that lacks what `lacks` says.
    pub fn new(
        graph: &'a Graph,
        selection: &'a Selection,
        store: &'a Store,
        inputs: ExternalInputs,
        lacks: Lacks<'a>,
    ) -> Self {
        Self { graph, selection, store, inputs, lacks, ahead: BTreeMap::new() }
    }

    /// Decides for a stage when `known` has the outputs of all stages that it uses.
    pub fn decide(&mut self, stage: NodeIndex, known: &BTreeMap<NodeIndex, Outputs>) -> Result<Decision> {
        let manifest = self.manifest(stage, known).map_err(|error| self.if_gone(stage, error))?;
        let key = manifest.key();
        let forced = self.selection.forced.contains(&stage);
        let found = self.ahead.remove(&key).map_or_else(|| self.store.lookup(key), Ok)?;
        let reason = match found {
            Lookup::Cached(action) if !forced => return Ok(Decision::Cached(action)),
            Lookup::Cached(_) => Reason::Forced,
            Lookup::Damaged { why, .. } => Reason::Damaged(why),
            Lookup::Miss => self.why(stage, &manifest),
        };
        Ok(Decision::Run(Box::new(Job { key, manifest, reason })))
    }

    /// Looks many stages up at once, on all cores, for decisions that follow before anything changes.
    pub fn look_ahead(&mut self, stages: &[NodeIndex], known: &BTreeMap<NodeIndex, Outputs>) {
        let manifests: Vec<Manifest> = stages.iter().filter_map(|stage| self.manifest(*stage, known).ok()).collect();
        let store = self.store;
        // Whatever fails fails again when it is decided.
        let looked_up = manifests.par_iter().with_min_len(16).filter_map(|manifest| {
            let key = manifest.key();
            Some((key, store.lookup(key).ok()?))
        });
        self.ahead = looked_up.collect();
    }

    /// What would become of each stage in scope. Changes nothing but what is remembered of external inputs.
    pub fn plan(&mut self) -> Result<Vec<Planned>> {
        self.check_inputs()?;
        let mut known: BTreeMap<NodeIndex, Outputs> = BTreeMap::new();
        let mut plan = Vec::new();
        for stage in self.graph.order.iter().copied().filter(|stage| self.selection.scope.contains(stage)) {
            let before: Vec<StageName> = self
                .graph
                .stages
                .neighbors_directed(stage, petgraph::Direction::Incoming)
                .filter(|upstream| !known.contains_key(upstream))
                .map(|upstream| self.graph.stages[upstream].name.clone())
                .collect();
            let mut has_checkpoint = false;
            let mut missing = self.missing_inputs(stage);
            let outlook = if !missing.is_empty() {
                missing.extend(self.obstacles(&self.graph.stages[stage]));
                Outlook::Blocked(missing)
            } else if !before.is_empty() && self.selection.forced.contains(&stage) {
                Outlook::Run(Reason::Forced)
            } else if !before.is_empty() {
                Outlook::Waiting(before)
            } else {
                match self.decide(stage, &known)? {
                    Decision::Cached(action) => {
                        known.insert(stage, outputs_of(&action));
                        Outlook::Cached(action)
                    }
                    Decision::Run(job) => {
                        has_checkpoint = self.store.has_checkpoint(job.key);
                        Outlook::Run(job.reason)
                    }
                }
            };
            plan.push(Planned { stage, outlook: self.if_it_fits(stage, outlook), has_checkpoint });
        }
        self.inputs.save();
        Ok(plan)
    }

    /// Refuses a folder that has the store in it: no run would leave it as it was.
    ///
    /// # Errors
    /// [`Error::InputHoldsStore`].
    fn check_inputs(&self) -> Result<()> {
        let store = real_path(self.store.root());
        let in_scope = self.graph.order.iter().filter(|stage| self.selection.scope.contains(stage));
        let inputs = in_scope.flat_map(|stage| self.graph.stages[*stage].inputs.values());
        let folders = inputs.filter_map(|origin| match origin {
            Origin::External(path) if path.is_dir() => Some(path),
            _ => None,
        });
        match folders.into_iter().find(|folder| store.starts_with(real_path(folder))) {
            Some(folder) => Err(Error::InputHoldsStore { input: folder.clone(), store: self.store.root().to_owned() }),
            None => Ok(()),
        }
    }

    /// What a user may not expect of the inputs of a stage that is going to run: Python files that import others beside
    /// them, which are not inputs.
    pub fn notes(&self, stage: NodeIndex) -> Vec<String> {
        let node = &self.graph.stages[stage];
        if !matches!(node.program, Program::Command(_)) {
            return Vec::new();
        }
        let inputs: Vec<(&InputName, &Path)> = node
            .inputs
            .iter()
            .filter_map(|(input_name, origin)| match origin {
                Origin::External(path) => Some((input_name, path.as_path())),
                Origin::Output { .. } => None,
            })
            .collect();
        let is_input = |module: &Path| inputs.iter().any(|(_, input)| module.starts_with(input));
        let note = |(input_name, script): &(&InputName, &Path)| {
            let modules: Vec<PathBuf> = python_imports(script).into_iter().filter(|module| !is_input(module)).collect();
            let folder = script.parent()?;
            (!modules.is_empty()).then(|| not_inputs(input_name, folder, &modules))
        };
        inputs.iter().filter_map(note).collect()
    }

    /// The external inputs that stages in scope need and that are not there.
    pub fn missing_files(&self) -> Vec<String> {
        let in_scope = self.graph.order.iter().filter(|stage| self.selection.scope.contains(stage));
        in_scope.flat_map(|stage| self.missing_inputs(*stage)).collect()
    }

    /// Everything that stages which would run need and this machine does not have.
    pub fn missing(&mut self) -> Result<Vec<String>> {
        self.check_inputs()?;
        let graph = self.graph;
        let in_scope = || graph.order.iter().filter(|stage| self.selection.scope.contains(stage));
        if in_scope().all(|stage| self.obstacles(&graph.stages[*stage]).is_empty()) {
            return Ok(self.missing_files());
        }
        // Whether what does not fit would run at all is known only from the whole plan.
        let missing =
            |planned: Planned| if let Outlook::Blocked(missing) = planned.outlook { missing } else { Vec::new() };
        Ok(self.plan()?.into_iter().flat_map(missing).collect())
    }

    /// Refuses a selection that may run some stages only, where stages before them are not cached.
    ///
    /// # Errors
    /// [`Error::Usage`], which names these stages.
    pub fn check_only(&mut self) -> Result<()> {
        if self.selection.runnable == self.selection.scope {
            return Ok(());
        }
        let plan = self.plan()?;
        let lacking = plan.iter().filter(|planned| {
            !self.selection.runnable.contains(&planned.stage) && planned.outlook.state() != StageState::Cached
        });
        let (waiting, first): (Vec<&Planned>, Vec<&Planned>) =
            lacking.partition(|planned| matches!(planned.outlook, Outlook::Waiting(_)));
        if first.is_empty() && waiting.is_empty() {
            return Ok(());
        }
        let description =
            |planned: &&Planned| format!("{} ({})", self.graph.stages[planned.stage].name, planned.outlook.reason());
        let mut lacking: Vec<String> = first.iter().map(description).collect();
        if !waiting.is_empty() {
            lacking.push(format!("{} stages after them", waiting.len()));
        }
        let only: Vec<&str> =
            self.selection.runnable.iter().map(|stage| self.graph.stages[*stage].name.as_str()).collect();
        Err(Error::Usage {
            message: format!("`--only {}` needs cached results of {}", only.join(", "), lacking.join(", ")),
            hint: Some("run them first, or drop --only".to_owned()),
        })
    }

    /// Remembers the digests of external inputs.
    pub fn save(&mut self) {
        self.inputs.save();
    }

    /// The external inputs of a stage, as they were when their digests were taken.
    pub fn external_inputs(&self, stage: NodeIndex) -> Vec<StatSnapshot> {
        let origins = self.graph.stages[stage].inputs.values();
        origins
            .filter_map(|origin| if let Origin::External(path) = origin { self.inputs.snapshot(path) } else { None })
            .collect()
    }

    /// The same state, unless the stage would run and this machine is too small for it.
    fn if_it_fits(&self, stage: NodeIndex, outlook: Outlook) -> Outlook {
        let node = &self.graph.stages[stage];
        match outlook {
            Outlook::Run(_) | Outlook::Waiting(_) => {
                let obstacles = self.obstacles(node);
                if obstacles.is_empty() { outlook } else { Outlook::Blocked(obstacles) }
            }
            other => other,
        }
    }

    /// What keeps a stage from running here, though not its result from being used.
    fn obstacles(&self, node: &Node) -> Vec<String> {
        let lacks = (self.lacks)(node).into_iter().map(|lack| format!("{}: it asks for {lack}", node.name));
        let secrets = match &node.program {
            Program::Command(line) => line.secrets.as_slice(),
            Program::Worker => &[],
        };
        let unset = secrets.iter().filter(|name| std::env::var_os(name).is_none());
        lacks.chain(unset.map(|name| format!("{}: the environment has no variable {name}", node.name))).collect()
    }

    /// The external inputs that a stage reads and that are not there.
    pub(crate) fn missing_inputs(&self, stage: NodeIndex) -> Vec<String> {
        let node = &self.graph.stages[stage];
        node.inputs
            .iter()
            .filter_map(|(input_name, origin)| match origin {
                Origin::External(path) if !path.exists() => {
                    let variables = node.written_paths.get(input_name).and_then(|text| variables(text));
                    let variables = variables.map(|variables| format!(" ({variables})")).unwrap_or_default();
                    Some(format!("{}.{input_name}: there is nothing at {}{variables}", node.name, path.display()))
                }
                _ => None,
            })
            .collect()
    }

    /// What the key of a stage would be made of if what is not known yet entered as it did into `before`.
    pub(crate) fn supposed(
        &mut self,
        stage: NodeIndex,
        known: &BTreeMap<NodeIndex, Outputs>,
        before: &Manifest,
    ) -> Result<Manifest> {
        let mut node_known = known.clone();
        for (input_name, origin) in &self.graph.stages[stage].inputs {
            if let Origin::Output { stage, port } = origin
                && !known.contains_key(stage)
                && let Some(digest) = before.inputs.get(input_name)
            {
                node_known.entry(*stage).or_default().insert(port.clone(), *digest);
            }
        }
        self.manifest(stage, &node_known)
    }

    /// The error when an external input has gone since the plan was made.
    fn if_gone(&self, stage: NodeIndex, error: Error) -> Error {
        let missing = self.missing_inputs(stage);
        if missing.is_empty() { error } else { Error::Missing(missing) }
    }

    fn manifest(&mut self, stage: NodeIndex, known: &BTreeMap<NodeIndex, Outputs>) -> Result<Manifest> {
        let node: &Node = &self.graph.stages[stage];
        let mut manifest = node.manifest();
        let is_command = matches!(node.program, Program::Command(_));
        for (input_name, origin) in &node.inputs {
            let digest = match origin {
                Origin::External(path) if is_command => self.inputs.command_digest(path)?,
                Origin::External(path) => self.inputs.digest(path)?,
                Origin::Output { stage, port } => {
                    known.get(stage).and_then(|outputs| outputs.get(port)).copied().ok_or_else(|| Error::Contract {
                        stage: self.graph.stages[*stage].name.to_string(),
                        message: format!("its result has no output '{port}'"),
                    })?
                }
            };
            match &node.program {
                Program::Command(_) if input_name.port.as_str() == FILES => {
                    manifest.files.insert(input_name.label.clone(), digest);
                }
                _ => drop(manifest.inputs.insert(input_name.clone(), digest)),
            }
        }
        Ok(manifest)
    }

    fn why(&self, stage: NodeIndex, manifest: &Manifest) -> Reason {
        match self.store.newest(&self.graph.pipeline, &self.graph.stages[stage].name) {
            None => Reason::New,
            Some(last) => {
                let differences = manifest.differences(&last.manifest);
                match differences.is_empty() {
                    false => Reason::Changed(differences),
                    true if last.key != manifest.key() => Reason::KeyFormat,
                    true => Reason::Gone,
                }
            }
        }
    }
}

fn not_inputs(input_name: &InputName, folder: &Path, modules: &[PathBuf]) -> String {
    let names: Vec<_> = modules.iter().filter_map(|module| module.file_name()).map(OsStr::to_string_lossy).collect();
    format!(
        "{input_name} imports {}, which is no input: an edit of it runs nothing again. Make the folder {} the input, and \
         name the script in it",
        names.join(", "),
        folder.display()
    )
}

/// A path without links and dots, also of what is not there yet.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), absolute.strip_prefix(there)) {
            return real.join(rest);
        }
    }
    absolute
}

/// The digests in an action's result.
pub fn outputs_of(action: &Action) -> Outputs {
    action.outputs.iter().map(|(port, artifact)| (port.clone(), artifact.digest)).collect()
}
