//! From a stage's order to the process that does its work: the worker with a spec, or a program of the user's.

use crate::error::{Error, Result};
use crate::key::{Entrance, FILES, PortName};
use crate::plan::{CommandLine, Placeholder, Template};
use crate::run::order::Order;
use crate::run::process::Start;
use contract::Spec;
use fs_err as fs;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables that a worker gets from the user's environment: where programs and libraries are, and which devices there are.
const PASSED: [&str; 9] =
    ["PATH", "HOME", "USER", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "LIBTORCH", "TERM", "XDG_CACHE_HOME"];

/// Beginnings of the names of more such variables.
const PASSED_BEGINNINGS: [&str; 6] = ["CUDA_", "NVIDIA_", "NCCL_", "MALLOC_", "RUST_", "PIPE_"];

/// Has the C library keep memory that was freed instead of giving it back to the kernel, which would clear it again for
/// the next tensor: training spent half of its time on that.
const KEPT_MEMORY: &str = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184";

/// Has a thread look that often whether there is more to do before it sleeps, a fraction of a millisecond: about as long as
/// the work between two tensor operations, so that a short one does not wait for threads to wake up.
const WAITING_ROUNDS: &str = "20000";

/// The worker, told what to make.
pub(crate) fn worker(order: &Order, outputs: BTreeMap<String, PathBuf>) -> Start {
    let spec = Spec { outputs, ..order.spec.clone() };
    let mut command = Command::new(&order.worker);
    command.arg("stage").env_clear().envs(std::env::vars_os().filter(|(name, _)| is_passed(&name.to_string_lossy())));
    set_resources(&mut command, order);
    command.env("GLIBC_TUNABLES", KEPT_MEMORY).env("GOMP_SPINCOUNT", WAITING_ROUNDS);
    let first_line = serde_json::to_string(&spec).unwrap_or_default();
    Start { command, first_line: Some(first_line), says_done: true, timeout: order.timeout }
}

/// A program of the user's, in a folder of its own in which its inputs are links.
pub(crate) fn command(order: &Order, line: &CommandLine, folder: &Path) -> Result<Start> {
    let links = link_inputs(order, folder)?;
    let given: BTreeMap<_, _> = order.spec.parameters.iter().collect();
    let parameters = serde_json::to_vec_pretty(&given).unwrap_or_default();
    let temporary = folder.join("tmp");
    fs::create_dir(&temporary)
        .and_then(|()| fs::write(folder.join("parameters.json"), parameters))
        .map_err(|error| Error::io("writing", folder, error))?;
    let fill = |word: &Template| word.fill(|placeholder| value(placeholder, order, line, &links));
    let mut command = Command::new(&order.leash);
    command.arg("leash").arg("--").arg(fill(&line.program)).args(line.arguments.iter().map(fill));
    command.current_dir(folder).env_clear().env("LC_ALL", "C.UTF-8").env("TMPDIR", &temporary);
    command.envs(["PATH", "HOME", "USER"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    set_resources(&mut command, order);
    command.envs(variables(order, &links)).envs(&line.fields.environment).envs(secrets(line));
    Ok(Start { command, first_line: None, says_done: false, timeout: order.timeout })
}

/// The values of a command's secret variables, by name.
pub(crate) fn secrets(line: &CommandLine) -> Vec<(String, OsString)> {
    line.secrets.iter().filter_map(|name| Some((name.clone(), std::env::var_os(name)?))).collect()
}

fn is_passed(name: &str) -> bool {
    PASSED.contains(&name) || PASSED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

fn set_resources(command: &mut Command, order: &Order) {
    let threads = order.spec.threads.to_string();
    // Threads that spin while they wait slow down every other process on the machine.
    command.env("OMP_WAIT_POLICY", "passive");
    for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"] {
        command.env(name, &threads);
    }
    // A stage that claims no GPU may still use what its device finds.
    if !order.gpus.is_empty() {
        command.env("CUDA_VISIBLE_DEVICES", order.gpus.join(","));
    }
}

/// Links what enters into the folder. Gives each link's path relative to the folder, so that no word of a command depends
/// on where it runs.
fn link_inputs(order: &Order, folder: &Path) -> Result<BTreeMap<Entrance, PathBuf>> {
    let mut links = BTreeMap::new();
    for (port, labelled) in &order.spec.inputs {
        for (label, target) in labelled {
            let entrance = Entrance { port: PortName::new(port), label: crate::key::Label::new(label) };
            let link = if port == FILES {
                // Programs go by the endings of names.
                Path::new(FILES).join(label).join(target.file_name().unwrap_or_default())
            } else {
                Path::new("inputs").join(port).join(label)
            };
            let place = folder.join(&link);
            let above = place.parent().unwrap_or(folder);
            let target = std::path::absolute(target).map_err(|error| Error::io("reading", target, error))?;
            fs::create_dir_all(above)
                .and_then(|()| fs::os::unix::fs::symlink(&target, place.components().as_path()))
                .map_err(|error| Error::io("writing", &place, error))?;
            links.insert(entrance, link.components().as_path().to_owned());
        }
    }
    Ok(links)
}

fn value(placeholder: &Placeholder, order: &Order, line: &CommandLine, links: &BTreeMap<Entrance, PathBuf>) -> String {
    match placeholder {
        Placeholder::Input(entrance) if entrance.port.as_str() == FILES && entrance.label.as_str() == "program" => {
            links.get(entrance).map(|link| format!("./{}", link.display())).unwrap_or_default()
        }
        Placeholder::Input(entrance) => links.get(entrance).map(|link| link.display().to_string()).unwrap_or_default(),
        Placeholder::Output(port) => format!("outputs/{port}"),
        Placeholder::Parameter(name) => line.parameters.get(name).cloned().unwrap_or_default(),
        Placeholder::Seed => order.spec.seed.to_string(),
        Placeholder::Threads => order.spec.threads.to_string(),
        Placeholder::Checkpoint => {
            order.spec.checkpoint.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()
        }
    }
}

/// What a command is told without being asked for it: the same as the names in braces.
fn variables(order: &Order, links: &BTreeMap<Entrance, PathBuf>) -> Vec<(String, OsString)> {
    let name = |text: String| text.to_uppercase().replace(['-', '.'], "_");
    let inputs = links.iter().map(|(entrance, link)| (name(format!("PIPE_INPUT_{entrance}")), link.clone().into()));
    let outputs = order
        .ports
        .iter()
        .map(|port| (name(format!("PIPE_OUTPUT_{port}")), Path::new("outputs").join(port.as_str()).into_os_string()));
    let mut variables: Vec<(String, OsString)> = inputs.chain(outputs).collect();
    variables.push(("PIPE_PARAMETERS".to_owned(), "parameters.json".into()));
    variables.push(("PIPE_THREADS".to_owned(), order.spec.threads.to_string().into()));
    if order.job.manifest.seed.is_some() {
        variables.push(("PIPE_SEED".to_owned(), order.spec.seed.to_string().into()));
    }
    variables.extend(order.spec.checkpoint.clone().map(|folder| ("PIPE_CHECKPOINT".to_owned(), folder.into())));
    variables
}
