//! From a request to what an executor starts: the worker with a spec, or a program of the user's in a folder of its own.

use crate::error::{Error, Result};
use crate::key::{FILES, InputName, PortName};
use crate::plan::{CommandLine, Placeholder, Program, Template};
use crate::run::executor::spec::{LaunchProgram, LaunchSpec};
use crate::run::request::ExecutionRequest;
use contract::Spec;
use fs_err as fs;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables that a worker gets from the user's environment: where programs and libraries are, and which devices there are.
const PASSED: [&str; 9] =
    ["PATH", "HOME", "USER", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "LIBTORCH", "TERM", "XDG_CACHE_HOME"];

/// Beginnings of the names of more such variables.
const PASSED_BEGINNINGS: [&str; 9] =
    ["CUDA_", "NVIDIA_", "NCCL_", "OMPI_", "PMIX_", "PRTE_", "MALLOC_", "RUST_", "PIPE_"];

/// Has a thread look that often whether there is more to do before it sleeps, a fraction of a millisecond: about as long as
/// the work between two tensor operations, so that a short one does not wait for threads to wake up.
const WAITING_ROUNDS: &str = "20000";

/// How many compiled matrix products in bf16 oneDNN keeps. Each takes memory, and there is one for each shape: a few hundred in
/// training, whose batches have few shapes, but many more where each prompt has a length of its own.
const KEPT_PRODUCTS: &str = "512";

/// The folder for temporary files of a command, in its own.
const TEMPORARY: &str = "tmp";

/// An attempt at a stage, with all that its program expects in the folder.
pub(crate) fn launch(request: &ExecutionRequest, attempt: usize, folder: &Path) -> Result<LaunchSpec> {
    let outputs: BTreeMap<String, PathBuf> =
        request.ports.iter().map(|port| (port.to_string(), folder.join("outputs").join(port.as_str()))).collect();
    for folder in outputs.values() {
        fs::create_dir_all(folder).map_err(|error| Error::io("writing", folder, error))?;
    }
    let (program, environment, secrets) = match &request.program {
        Program::Worker => {
            let spec = Spec { outputs: outputs.clone(), ..request.spec.clone() };
            let program = LaunchProgram::Worker { worker: request.worker.clone(), spec: Box::new(spec) };
            (program, worker_environment(request), Vec::new())
        }
        Program::Command(line) => {
            let links = prepare_command(request, folder)?;
            let fill = |argument: &Template| argument.fill(|placeholder| value(placeholder, request, line, &links));
            let arguments = std::iter::once(&line.program).chain(&line.arguments).map(fill).collect();
            let environment = command_environment(request, line, folder, &links);
            (LaunchProgram::Command { arguments }, environment, line.secrets.clone())
        }
    };
    Ok(LaunchSpec {
        id: format!("{}/{}/attempt-{attempt}", request.run, request.name),
        stage: request.name.clone(),
        program,
        folder: folder.to_owned(),
        inputs: request.spec.inputs.values().flat_map(BTreeMap::values).cloned().collect(),
        outputs,
        checkpoint: request.spec.checkpoint.clone(),
        environment,
        secrets,
        resources: request.resources.clone(),
        timeout: request.timeout,
        log: request.log.clone(),
    })
}

type Environment = BTreeMap<String, OsString>;

fn worker_environment(request: &ExecutionRequest) -> Environment {
    let passed = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let mut environment: Environment = passed.filter(|(name, _)| is_passed(name)).collect();
    environment.extend(resource_variables(request));
    environment.insert("GOMP_SPINCOUNT".to_owned(), WAITING_ROUNDS.into());
    environment.insert("ONEDNN_PRIMITIVE_CACHE_CAPACITY".to_owned(), KEPT_PRODUCTS.into());
    environment
}

fn command_environment(
    request: &ExecutionRequest,
    line: &CommandLine,
    folder: &Path,
    links: &BTreeMap<InputName, PathBuf>,
) -> Environment {
    let passed = ["PATH", "HOME", "USER"].iter().filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
    let mut environment: Environment = passed.collect();
    environment.insert("LC_ALL".to_owned(), "C.UTF-8".into());
    environment.insert("TMPDIR".to_owned(), folder.join(TEMPORARY).into());
    // Python would write into the folders from which it imports, which may be results of other stages.
    environment.insert("PYTHONDONTWRITEBYTECODE".to_owned(), "1".into());
    environment.extend(resource_variables(request));
    environment.extend(variables(request, links));
    environment.extend(line.fields.environment.iter().map(|(name, value)| (name.clone(), value.into())));
    environment
}

/// Makes the folder of a command ready: its inputs as links, its parameters as a file, a folder for temporary files.
fn prepare_command(request: &ExecutionRequest, folder: &Path) -> Result<BTreeMap<InputName, PathBuf>> {
    let links = link_inputs(request, folder)?;
    let given: BTreeMap<_, _> = request.spec.parameters.iter().collect();
    let parameters = serde_json::to_vec_pretty(&given).unwrap_or_default();
    fs::create_dir(folder.join(TEMPORARY))
        .and_then(|()| fs::write(folder.join("parameters.json"), parameters))
        .map_err(|error| Error::io("writing", folder, error))?;
    Ok(links)
}

fn is_passed(name: &str) -> bool {
    PASSED.contains(&name) || PASSED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

fn resource_variables(request: &ExecutionRequest) -> Environment {
    let threads = request.resources.threads.to_string();
    let names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS"];
    let mut variables: Environment = names.iter().map(|name| ((*name).to_owned(), OsString::from(&threads))).collect();
    // Threads that spin while they wait slow down every other process on the machine.
    variables.insert("OMP_WAIT_POLICY".to_owned(), "passive".into());
    // A stage that claims no GPU may still use what its device finds.
    if !request.resources.gpus.is_empty() {
        variables.insert("CUDA_VISIBLE_DEVICES".to_owned(), request.resources.gpus.join(",").into());
    }
    variables
}

/// Links what enters into the folder. Gives each link's path relative to the folder, so that no argument of a command depends
/// on where it runs.
fn link_inputs(request: &ExecutionRequest, folder: &Path) -> Result<BTreeMap<InputName, PathBuf>> {
    let mut links = BTreeMap::new();
    for (port, labelled) in &request.spec.inputs {
        for (label, target) in labelled {
            let input_name = InputName { port: PortName::new(port), label: crate::key::Label::new(label) };
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
            links.insert(input_name, link.components().as_path().to_owned());
        }
    }
    Ok(links)
}

fn value(
    placeholder: &Placeholder,
    request: &ExecutionRequest,
    line: &CommandLine,
    links: &BTreeMap<InputName, PathBuf>,
) -> String {
    match placeholder {
        Placeholder::Input(input_name)
            if input_name.port.as_str() == FILES && input_name.label.as_str() == "program" =>
        {
            let link = || links.get(input_name).map(|link| format!("./{}", link.display()));
            installed(request, input_name).or_else(link).unwrap_or_default()
        }
        Placeholder::Input(input_name) => {
            links.get(input_name).map(|link| link.display().to_string()).unwrap_or_default()
        }
        Placeholder::Output(port) => format!("outputs/{port}"),
        Placeholder::Parameter(name) => line.parameters.get(name).cloned().unwrap_or_default(),
        Placeholder::Seed => request.spec.seed.to_string(),
        Placeholder::Threads => request.spec.threads.to_string(),
        Placeholder::Checkpoint => {
            request.spec.checkpoint.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()
        }
    }
}

/// The path of a program in a folder `bin`: an installed program, which finds its libraries by its own path, as the Python of
/// a virtual environment does. A program of the project has the link only, so that it finds no file that is not an input.
fn installed(request: &ExecutionRequest, program: &InputName) -> Option<String> {
    let path = request.spec.inputs.get(FILES)?.get(program.label.as_str())?;
    let path = std::path::absolute(path).ok()?;
    (path.parent()?.file_name()? == "bin").then(|| path.display().to_string())
}

/// What a command gets without asking for it: the same as the names in braces.
fn variables(request: &ExecutionRequest, links: &BTreeMap<InputName, PathBuf>) -> Vec<(String, OsString)> {
    let name = |text: String| text.to_uppercase().replace(['-', '.'], "_");
    let inputs = links.iter().map(|(input_name, link)| (name(format!("PIPE_INPUT_{input_name}")), link.clone().into()));
    let outputs = request
        .ports
        .iter()
        .map(|port| (name(format!("PIPE_OUTPUT_{port}")), Path::new("outputs").join(port.as_str()).into_os_string()));
    let mut variables: Vec<(String, OsString)> = inputs.chain(outputs).collect();
    variables.push(("PIPE_PARAMETERS".to_owned(), "parameters.json".into()));
    variables.push(("PIPE_THREADS".to_owned(), request.spec.threads.to_string().into()));
    if request.job.manifest.seed.is_some() {
        variables.push(("PIPE_SEED".to_owned(), request.spec.seed.to_string().into()));
    }
    variables.extend(request.spec.checkpoint.clone().map(|folder| ("PIPE_CHECKPOINT".to_owned(), folder.into())));
    variables
}
