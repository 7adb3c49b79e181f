//! What one file, or one profile in it, says of a pipeline. Later layers override earlier ones.

use crate::error::{Error, Result};
use crate::key::{StageName, closest, did_you_mean};
use crate::pipeline::executor::{ExecutorKind, SlurmEntry};
use crate::pipeline::model::{Binding, CommandEntry, Compare, Pipeline, RemoteEntry, Resources, Setting, StageEntry};
use crate::pipeline::overrides::set;
use crate::pipeline::search::Search;
use crate::pipeline::sweep::Sweep;
use crate::source::{Place, Placed};
use std::time::Duration;

/// A part of a pipeline, as written.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// The pipeline's name.
    pub name: Option<String>,
    /// The file that this one builds on.
    pub extends: Option<Placed<String>>,
    /// The seed of all stages.
    pub seed: Option<u64>,
    /// Where stages run that do not say so themselves.
    pub executor: Option<ExecutorKind>,
    /// What it says of Slurm.
    pub slurm: SlurmEntry,
    /// Stages, whole or in part, in the order of the file.
    pub stages: Vec<StageLayer>,
    /// The sweep, in place of one in a layer below.
    pub sweep: Option<Sweep>,
    /// By what one point of this layer's sweep is chosen, when the sweep is the axes of a search.
    pub search: Option<Search>,
    /// How results are compared, in place of what a layer below says.
    pub compare: Option<Compare>,
    /// Where results are shared, in place of what a layer below says.
    pub remote: Option<RemoteEntry>,
    /// Layers that `--profile` puts on top, by name.
    pub profiles: Vec<(Placed<String>, Self)>,
}

/// What a layer says of a stage.
#[derive(Clone, Debug)]
pub(super) struct StageLayer {
    /// Its name.
    pub name: StageName,
    /// Where the name stands.
    pub place: Place,
    /// What the stage is. With it the layer has the whole stage; without it, changes to one below.
    pub uses: Option<Placed<String>>,
    /// Its own seed.
    pub seed: Option<u64>,
    /// What enters, from other stages.
    pub inputs: Vec<Binding>,
    /// Parameters and paths.
    pub settings: Vec<Setting>,
    /// What it needs of the machine.
    pub resources: Option<Resources>,
    /// How often it is tried again.
    pub retries: Option<usize>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Where it runs.
    pub executor: Option<ExecutorKind>,
    /// The program, for a stage that is one.
    pub command: Option<CommandEntry>,
}

/// Lays the layers upon each other, the first at the bottom.
///
/// # Errors
/// When a layer changes a stage that no layer below it has, and when the whole has no name or no stages.
pub(super) fn assemble(layers: Vec<Layer>, start: &Place) -> Result<Pipeline> {
    let mut pipeline = Pipeline {
        name: String::new(),
        seed: 0,
        stages: Vec::new(),
        sweep: None,
        search: None,
        compare: None,
        slurm: SlurmEntry::default(),
        remote: None,
    };
    // A stage that says nothing of it runs where the highest layer says that all run.
    let executor = layers.iter().filter_map(|layer| layer.executor).next_back().unwrap_or_default();
    for layer in layers {
        if let Some(name) = layer.name {
            pipeline.name = name;
        }
        pipeline.seed = layer.seed.unwrap_or(pipeline.seed);
        if layer.sweep.is_some() {
            (pipeline.sweep, pipeline.search) = (layer.sweep, layer.search);
        }
        pipeline.compare = layer.compare.or(pipeline.compare);
        pipeline.slurm = layer.slurm.over(&pipeline.slurm);
        pipeline.remote = layer.remote.or(pipeline.remote);
        for stage in layer.stages {
            lay_stage(&mut pipeline.stages, stage, executor)?;
        }
    }
    let lacks = |message: &str, hint: &str| {
        Err(Error::Syntax { message: message.to_owned(), place: start.clone(), hint: Some(hint.to_owned()) })
    };
    if pipeline.name.is_empty() {
        return lacks("the pipeline has no name", "begin the file with name = \"...\"");
    }
    if pipeline.stages.is_empty() {
        return lacks("the pipeline has no stages", "add a table [stage.NAME] with uses = \"...\"");
    }
    Ok(pipeline)
}

fn lay_stage(stages: &mut Vec<StageEntry>, layer: StageLayer, executor: ExecutorKind) -> Result<()> {
    let below = stages.iter_mut().find(|entry| entry.name == layer.name);
    match (layer.uses, below) {
        (Some(uses), below) => {
            let entry = StageEntry {
                name: layer.name,
                place: layer.place,
                uses,
                seed: layer.seed,
                inputs: layer.inputs,
                settings: layer.settings,
                resources: layer.resources.unwrap_or_default(),
                retries: layer.retries.unwrap_or(0),
                timeout: layer.timeout,
                executor: layer.executor.unwrap_or(executor),
                command: layer.command,
            };
            match below {
                Some(below) => *below = entry,
                None => stages.push(entry),
            }
            Ok(())
        }
        (None, Some(entry)) => {
            entry.seed = layer.seed.or(entry.seed);
            entry.resources = layer.resources.unwrap_or_else(|| entry.resources.clone());
            entry.retries = layer.retries.unwrap_or(entry.retries);
            entry.timeout = layer.timeout.or(entry.timeout);
            entry.executor = layer.executor.unwrap_or(entry.executor);
            for binding in layer.inputs {
                entry.inputs.retain(|below| below.input_name != binding.input_name);
                entry.inputs.push(binding);
            }
            layer.settings.into_iter().try_for_each(|setting| set(entry, setting))
        }
        (None, None) => {
            let names: Vec<String> = stages.iter().map(|entry| entry.name.to_string()).collect();
            // A key that was meant to be `uses` is taken for a parameter.
            let misspelt = layer.settings.iter().find(|setting| closest(&setting.key.value, ["uses"]).is_some());
            let key = misspelt.map(|setting| format!("did you mean 'uses' instead of '{}'?", setting.key.value));
            let hint = key
                .or_else(|| did_you_mean(layer.name.as_str(), names.iter().map(String::as_str)))
                .unwrap_or_else(|| "say what it is, such as uses = \"ingest\"".to_owned());
            let message = format!("stage '{}' has no 'uses'", layer.name);
            Err(Error::Syntax { message, place: layer.place, hint: Some(hint) })
        }
    }
}
