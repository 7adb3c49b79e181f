//! The worker: the program that holds the stages. It is asked to describe them once, and started once for each run of one.

use crate::error::{Error, Result};
use crate::inputs::ExternalInputs;
use crate::store::Store;
use contract::{Description, Event};
use fs_err as fs;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// The version of the language that runner and worker speak.
pub const PROTOCOL: u32 = 1;

/// What `pipe-worker describe` prints.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    protocol: u32,
    stages: Vec<Description>,
}

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

/// What the worker's stages say of themselves, remembered by the digest of the worker.
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
            let bytes = ask(worker)?;
            let stages = parse(&bytes).map_err(|message| mismatch(worker, &message))?;
            if let Err(error) = store.write_note(&note, &bytes) {
                tracing::debug!("{} could not be written: {error}", note.display());
            }
            stages
        }
    };
    Ok(stages.into_iter().map(|stage| (stage.name.clone(), Arc::new(stage))).collect())
}

/// What the worker's stages say of themselves when it is asked now.
pub fn describe(worker: &Path) -> Result<Vec<Description>> {
    parse(&ask(worker)?).map_err(|message| mismatch(worker, &message))
}

/// Asks the worker something that only it can read: one JSON value in, one out.
///
/// # Errors
/// When it cannot be started, does not know the question, cannot answer it, or does not answer in that form.
pub fn question<A: DeserializeOwned>(worker: &Path, name: &str, request: &serde_json::Value) -> Result<A> {
    check(worker)?;
    let fault = |message: String| Error::Worker {
        message: format!("the worker {} was asked for '{name}': {message}", worker.display()),
        hint: "build pipe and pipe-worker from the same sources".to_owned(),
    };
    let mut command = Command::new(worker);
    command.arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
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
        // It says why on either side: a failure is an event, another usage is a text.
        let said = [output.stdout, output.stderr].concat();
        return Err(fault(format!("{}: {}", output.status, String::from_utf8_lossy(&said).trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| fault(error.to_string()))
}

fn ask(worker: &Path) -> Result<Vec<u8>> {
    let output = Command::new(worker)
        .arg("describe")
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
        hint: "a library may be missing: `make libtorch` fetches libtorch, then build again".to_owned(),
    })
}

fn parse(bytes: &[u8]) -> std::result::Result<Vec<Description>, String> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if answer.protocol == PROTOCOL {
        Ok(answer.stages)
    } else {
        Err(format!("it speaks protocol {}, expected {PROTOCOL}", answer.protocol))
    }
}

fn mismatch(worker: &Path, message: &str) -> Error {
    Error::Worker {
        message: format!("the worker {} does not describe its stages: {message}", worker.display()),
        hint: "build pipe and pipe-worker from the same sources".to_owned(),
    }
}
