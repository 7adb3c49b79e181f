//! What a shell may complete on our command line: the names of pipelines and of their stages.
//!
//! The script of `pipe completions` calls this program with `COMPLETE` set to the shell and the arguments of the line after
//! `--`. Nothing here starts the worker, opens the store or prints an error: where nothing is found, nothing is offered.

use crate::cli::command_line::command_line;
use crate::pipeline;
use crate::store::Store;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The variable by which a shell asks for completions.
pub(super) const VARIABLE: &str = "COMPLETE";

/// The pipelines that a argument may become: by name, or by path once it has a slash.
pub(crate) fn pipelines(argument: &OsStr) -> Vec<CompletionCandidate> {
    let text = argument.to_string_lossy();
    if text.contains('/') {
        return PathCompleter::any().filter(|path| path.is_dir() || is_toml(path)).complete(argument);
    }
    let fitting = pipeline::discover().into_iter().filter(|found| found.name.starts_with(text.as_ref()));
    fitting.map(|found| CompletionCandidate::new(found.name).help(found.about.map(Into::into))).collect()
}

/// The stages of the pipeline that the line names.
pub(crate) fn stages() -> Vec<CompletionCandidate> {
    let Some(pipeline) = loaded() else { return Vec::new() };
    let candidate = |stage: &pipeline::StageEntry| {
        CompletionCandidate::new(stage.name.as_str()).help(Some(format!("uses {}", stage.uses.value).into()))
    };
    pipeline.stages.iter().map(candidate).collect()
}

/// The profiles of the pipeline that the line names.
pub(crate) fn profiles() -> Vec<CompletionCandidate> {
    let found = arguments().iter().find_map(|argument| pipeline::profiles(argument).ok());
    found.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// The points of the sweep of the pipeline that the line names.
pub(crate) fn points() -> Vec<CompletionCandidate> {
    let points = loaded().and_then(|pipeline| pipeline.sweep?.points().ok());
    points.unwrap_or_default().iter().map(|point| CompletionCandidate::new(point.name.as_str())).collect()
}

/// The pipeline that the line names.
fn loaded() -> Option<pipeline::Pipeline> {
    arguments().iter().find_map(|argument| pipeline::load(argument, &[], &[]).ok()).map(|(_, pipeline)| pipeline)
}

/// What the line has after `pipe` and the command, but for options.
fn arguments() -> Vec<String> {
    let line = command_line().skip_while(|argument| argument != "--").skip(1);
    line.skip(2).filter(|argument| !argument.is_empty() && !argument.starts_with('-')).collect()
}

/// The runs of the store here, the newest first.
pub(crate) fn runs() -> Vec<CompletionCandidate> {
    let names = store().map(|store| store.runs()).unwrap_or_default().into_iter().rev();
    let runs = names.map(|record| CompletionCandidate::new(record.run.as_str()).help(Some(record.pipeline.into())));
    runs.chain([CompletionCandidate::new("latest")]).collect()
}

/// The stages that have a log in the run that the line names, or in the latest.
pub(crate) fn logged() -> Vec<CompletionCandidate> {
    let Some(store) = store() else { return Vec::new() };
    let arguments: Vec<String> = command_line().skip_while(|argument| argument != "--").skip(3).collect();
    let named =
        arguments.iter().filter(|argument| !argument.is_empty()).find_map(|argument| store.find_run(argument).ok());
    let Some(run) = named.or_else(|| store.find_run("latest").ok()) else { return Vec::new() };
    run.stages.iter().map(|stage| CompletionCandidate::new(stage.stage.as_str())).collect()
}

/// The store here: what `PIPE_STORE` names, or the project's.
fn store() -> Option<Store> {
    let named = std::env::var_os("PIPE_STORE").map(PathBuf::from);
    let folder = named.or_else(|| Some(pipeline::project().ok()?.join("artifacts")))?;
    Some(Store::new(folder))
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
