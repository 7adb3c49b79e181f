//! What a job runs on its node: the attempt, as a process of that machine. What it prints goes to files.

use crate::error::Result;
use crate::fs::{Disk, FileLock};
use crate::machine::{Hardware, Machine};
use crate::run::executor::local::Local;
use crate::run::executor::log::StageLog;
use crate::run::executor::slurm::files::{Finished, JobFiles, Started};
use crate::run::executor::slurm::id::JobId;
use crate::run::executor::slurm::listing::Listing;
use crate::run::executor::spec::{LaunchProgram, LaunchSpec};
use crate::run::executor::{Elsewhere, EndState, Executor as _, Job, JobEnd};
use crate::run::interrupt::Interrupt;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The variable in which GPUs are named that a process may use.
const GPUS: &str = "CUDA_VISIBLE_DEVICES";

/// How often what was printed is given to other machines, and signals are looked for.
const FLUSH: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// How long after the end of the program a signal may come that was sent to all processes of the job.
const LATE_SIGNAL: Duration = Duration::from_millis(500);

/// What a node is to run.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeArguments {
    /// The folder of the attempt's files.
    folder: PathBuf,
}

/// Runs the attempt whose files are in a folder, and writes there how it ended. Its exit code is 0 when the program ended well.
///
/// When the cluster ends the job, nothing is written: only the cluster knows why.
pub fn run_on_node(arguments: &NodeArguments) -> ExitCode {
    let files = JobFiles::at(&arguments.folder);
    let interrupt = Interrupt::listen();
    match run(&files, &interrupt) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            // This is the output of the job.
            drop(writeln!(std::io::stderr(), "{message}"));
            ExitCode::FAILURE
        }
    }
}

fn run(files: &JobFiles, interrupt: &Interrupt) -> std::result::Result<bool, String> {
    let mut launch = files.launch()?;
    let machine = Machine::look();
    let _lock = FileLock::try_take(&Disk::default(), &files.lock()).map_err(|error| error.to_string())?;
    let job = job_id(|name| std::env::var(name).ok()?.parse().ok());
    files.set_started(&Started { job, host: machine.host.clone() }).map_err(|error| error.to_string())?;
    adapt(&mut launch);
    let ended = execute(&launch, files, interrupt, &machine);
    if interrupt.is_raised() || matches!(ended, Ok(JobEnd { state: EndState::Stopped, .. })) {
        return Ok(false);
    }
    let size = |path: &Path| path.metadata().map_or(0, |status| status.len());
    let finished = Finished {
        outputs: Listing::of(launch.outputs.values().map(PathBuf::as_path)),
        events: size(&files.events()),
        log: size(&files.log()),
        end: ended.map_err(|error| error.to_string()),
    };
    files.set_finished(&finished).map_err(|error| error.to_string())?;
    Ok(matches!(finished.end, Ok(JobEnd { state: EndState::Exited(0), .. })))
}

/// The number of the job in which this runs, by the numbers in Slurm's variables.
fn job_id(number: impl Fn(&str) -> Option<u64>) -> Option<JobId> {
    match (number("SLURM_ARRAY_JOB_ID"), number("SLURM_ARRAY_TASK_ID")) {
        (Some(job), Some(element)) => Some(JobId { job, element: Some(u32::try_from(element).ok()?) }),
        _ => number("SLURM_JOB_ID").map(|job| JobId { job, element: None }),
    }
}

/// Has the environment say what is so on this machine: the GPUs that Slurm has given to the job, and a folder that is there.
fn adapt(launch: &mut LaunchSpec) {
    launch.environment.remove(GPUS);
    launch.environment.extend(std::env::var_os(GPUS).map(|gpus| (GPUS.to_owned(), gpus)));
    if launch.resources.ranks > 1 {
        // mpirun reads from them which nodes the job has.
        let of_job = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        launch.environment.extend(of_job.filter(|(name, _)| name.starts_with("SLURM_")));
    }
    if launch.environment.get("TMPDIR").is_some_and(|folder| !Path::new(folder).is_dir()) {
        launch.environment.remove("TMPDIR");
    }
}

fn execute(launch: &LaunchSpec, files: &JobFiles, interrupt: &Interrupt, machine: &Machine) -> Result<JobEnd> {
    let program = std::env::current_exe()
        .map_err(|error| crate::error::Error::io("reading", Path::new("/proc/self/exe"), error))?;
    let local = Local::new(&program);
    let secrets: Vec<String> =
        launch.secret_values().into_iter().map(|(_, value)| value.to_string_lossy().into_owned()).collect();
    let log = StageLog::open(&files.log(), &secrets)?;
    let path = files.events();
    let events = File::options().append(true).open(&path);
    let mut events = events.map_err(|error| crate::error::Error::io("writing", &path, error))?;
    let began = Instant::now();
    let job = local.submit(launch)?;
    attend(Arc::clone(&job), interrupt.clone(), [files.log(), path]);
    let mut end = job.events(&log, &mut |event| {
        // What cannot be written is lost to those who watch; the result is not.
        drop(serde_json::to_string(&event).map(|line| writeln!(events, "{line}")));
        None
    })?;
    if matches!(end.state, EndState::Signalled(_)) {
        std::thread::sleep(LATE_SIGNAL);
    }
    drop(events.sync_all());
    end.elsewhere = Some(elsewhere(launch, machine, began.elapsed()));
    Ok(end)
}

/// Ends the attempt when this process is asked to end, and gives to other machines what was written, until this process ends.
fn attend(job: Arc<dyn Job>, interrupt: Interrupt, written: [PathBuf; 2]) {
    std::thread::spawn(move || {
        let mut flushed = Instant::now();
        loop {
            if interrupt.is_raised() {
                job.stop();
            }
            if flushed.elapsed() >= FLUSH {
                // A network file system else keeps it here for longer.
                written.iter().for_each(|path| drop(File::open(path).and_then(|file| file.sync_data())));
                flushed = Instant::now();
            }
            std::thread::sleep(LOOK);
        }
    });
}

fn elsewhere(launch: &LaunchSpec, machine: &Machine, ran: Duration) -> Elsewhere {
    let device = match &launch.program {
        LaunchProgram::Worker { spec, .. } => spec.device.as_str(),
        LaunchProgram::Command { .. } => "auto",
    };
    let asked = if launch.resources.gpu_count > 0 { machine.gpus.clone() } else { Vec::new() };
    Elsewhere {
        host: machine.host.clone(),
        hardware: Hardware::here(device, !machine.gpus.is_empty()),
        gpus: asked,
        ran,
    }
}
