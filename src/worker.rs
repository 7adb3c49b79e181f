//! The worker: the program that contains the stages. It describes them once, and is started once for each attempt of a stage.

use crate::error::{Error, Result};
use crate::inputs::ExternalInputs;
use crate::store::Store;
use contract::questions::{Described, Libraries, PROTOCOL, Question, Request};
use contract::{Description, Event};
use fs_err as fs;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Where the worker is: `--worker` or `PIPE_WORKER`, or beside this program.
pub fn find(asked: Option<PathBuf>) -> Result<PathBuf> {
    let path = place(asked)?;
    check(&path)?;
    Ok(path)
}

/// Where the worker has to be, whether or not it is there.
pub fn place(asked: Option<PathBuf>) -> Result<PathBuf> {
    match asked {
        Some(path) => Ok(path),
        None => std::env::current_exe()
            .map(|program| program.with_file_name("pipe-worker"))
            .map_err(|error| missing(format!("cannot find this program's own folder: {error}"))),
    }
}

fn check(worker: &Path) -> Result<()> {
    if worker.is_file() { Ok(()) } else { Err(missing(format!("there is no worker at {}", worker.display()))) }
}

fn missing(message: String) -> Error {
    Error::Worker { message, hint: "build it with `cargo build`, or name it with --worker or PIPE_WORKER".to_owned() }
}

/// What to do when the worker ends before it says anything.
pub(crate) const MISSING_LIBRARY: &str =
    "a library may be missing: `make libtorch` fetches libtorch, then build again; `pipe doctor` says what is there";

/// The descriptions of the worker's stages, cached by the digest of the worker.
pub fn descriptions(
    worker: &Path,
    store: &Store,
    inputs: &mut ExternalInputs,
) -> Result<BTreeMap<String, Arc<Description>>> {
    let note = store.note(&format!("worker-{}.json", inputs.digest(worker)?));
    let remembered = fs::read(&note).ok().and_then(|bytes| parse(&bytes).ok());
    let stages = match remembered {
        Some(stages) => stages,
        None => {
            let bytes = output_of(worker, "describe")?;
            let stages = parse(&bytes).map_err(|message| mismatch(worker, &message))?;
            if let Err(error) = store.write_note(&note, &bytes) {
                tracing::debug!("{} could not be written: {error}", note.display());
            }
            stages
        }
    };
    Ok(stages.into_iter().map(|stage| (stage.name.clone(), Arc::new(stage))).collect())
}

/// The descriptions of the worker's stages, without the cache.
pub fn describe(worker: &Path) -> Result<Vec<Description>> {
    parse(&output_of(worker, "describe")?).map_err(|message| mismatch(worker, &message))
}

/// What the worker finds of libtorch and CUDA.
pub fn libraries(worker: &Path) -> Result<Libraries> {
    let bytes = output_of(worker, "doctor")?;
    serde_json::from_slice(&bytes).map_err(|error| unreadable(worker, "doctor", &error.to_string()))
}

/// Sends a request to the worker and reads its answer.
///
/// # Errors
/// When it cannot be started, has another version of the protocol, or cannot answer.
pub fn ask<Q: Question>(worker: &Path, request: &Q) -> Result<Q::Answer> {
    check(worker)?;
    let fault = |message: String| unreadable(worker, Q::NAME, &message);
    let request = serde_json::to_string(&Request::new(request)).map_err(|error| fault(error.to_string()))?;
    let mut command = Command::new(worker);
    command.arg(Q::NAME).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| fault(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A worker that is gone already is found by its exit status.
        drop(writeln!(stdin, "{request}"));
    }
    let output = child.wait_with_output().map_err(|error| fault(error.to_string()))?;
    if !output.status.success() {
        if let Ok(Event::Failed { failure }) = serde_json::from_slice(&output.stdout) {
            return Err(Error::Answer(failure));
        }
        // A failure is an event on the standard output; wrong usage is text on the standard error.
        let printed = [output.stdout, output.stderr].concat();
        return Err(fault(format!("{}: {}", output.status, String::from_utf8_lossy(&printed).trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| fault(error.to_string()))
}

fn output_of(worker: &Path, argument: &str) -> Result<Vec<u8>> {
    let output = Command::new(worker)
        .arg(argument)
        .output()
        .map_err(|error| Error::starting(worker, &error, "build it again with `cargo build`"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Worker {
        message: format!(
            "the worker {} failed ({}): {}",
            worker.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        hint: MISSING_LIBRARY.to_owned(),
    })
}

/// What every version of the protocol has in its answer.
#[derive(Deserialize)]
struct Versioned {
    protocol: u32,
}

/// Reads the descriptions. Another version may describe stages in another form, so the version is the error named first.
fn parse(bytes: &[u8]) -> std::result::Result<Vec<Description>, String> {
    let described: serde_json::Result<Described> = serde_json::from_slice(bytes);
    if let Ok(Described { protocol: PROTOCOL, stages, .. }) = described {
        return Ok(stages);
    }
    let Versioned { protocol } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if protocol != PROTOCOL {
        return Err(format!("it has protocol {protocol}, expected {PROTOCOL}"));
    }
    described.map(|described| described.stages).map_err(|error| error.to_string())
}

fn unreadable(worker: &Path, name: &str, message: &str) -> Error {
    Error::other_sources(format!("the worker {} did not answer '{name}': {message}", worker.display()))
}

fn mismatch(worker: &Path, message: &str) -> Error {
    Error::other_sources(format!("the worker {} does not describe its stages: {message}", worker.display()))
}
