//! From a launch to the process that does its work, and the processes that this one has started.

use crate::error::{Error, Result};
use crate::run::executor::spec::{ATTEMPT, LaunchProgram, LaunchSpec, MPIRUN};
use contract::questions::Request;
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// The processes that this one has started and not yet waited for. Other children are orphans that it was given.
///
/// A process has one such set, however many executors it has, since the system gives it all orphans of all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children(Arc<Mutex<BTreeSet<i32>>>);

/// The set of this process, with the number of executors that use it.
static OF_PROCESS: LazyLock<Mutex<(Children, usize)>> = LazyLock::new(Mutex::default);

impl Children {
    /// The set of this process, for one more executor. `begin` is called for the first.
    pub(super) fn join(begin: impl FnOnce()) -> Self {
        let mut of_process = OF_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        if of_process.1 == 0 {
            begin();
        }
        of_process.1 += 1;
        of_process.0.clone()
    }

    /// One executor less. `end` is called after the last.
    pub(super) fn leave(&self, end: impl FnOnce(&Self)) {
        let mut of_process = OF_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        of_process.1 -= 1;
        if of_process.1 == 0 {
            end(self);
        }
    }

    /// Starts a process and counts it.
    fn start(&self, command: &mut Command) -> std::io::Result<Child> {
        // Nobody may look while it runs and is not counted.
        let mut children = self.lock();
        let child = command.spawn()?;
        children.insert(Pid::from_child(&child).as_raw_pid());
        Ok(child)
    }

    /// Waits for a process, which then is none any more.
    pub(super) fn wait(&self, child: &mut Child) -> std::io::Result<std::process::ExitStatus> {
        let process = Pid::from_child(child).as_raw_pid();
        let status = child.wait();
        self.lock().remove(&process);
        status
    }

    /// Whether a process is one of them.
    pub(super) fn contains(&self, process: Pid) -> bool {
        self.lock().contains(&process.as_raw_pid())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the process of a launch, in a group of its own. Gives what is to be written to it first.
pub(super) fn start(launch: &LaunchSpec, supervisor: &Path, children: &Children) -> Result<(Child, Vec<u8>)> {
    let (mut command, first_line) = command(launch, supervisor);
    command.env_clear().envs(&launch.environment).envs(launch.secret_values()).env(ATTEMPT, &launch.id);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = children.start(&mut command).map_err(|error| {
        if error.kind() == ErrorKind::NotFound && !launch.folder.is_dir() {
            return Error::io("starting a program in", &launch.folder, error);
        }
        let program = match &launch.program {
            LaunchProgram::Worker { .. } if launch.resources.ranks > 1 => Path::new(MPIRUN),
            LaunchProgram::Worker { worker, .. } => worker.as_path(),
            LaunchProgram::Command { arguments } => Path::new(arguments.first().map_or("", String::as_str)),
        };
        Error::starting(program, &error, "build pipe and pipe-worker again with `cargo build`")
    })?;
    Ok((child, first_line))
}

/// The worker by itself, or as several ranks.
fn worker_command(worker: &Path, ranks: usize) -> Command {
    if ranks <= 1 {
        let mut command = Command::new(worker);
        command.arg("stage");
        return command;
    }
    let mut command = Command::new(MPIRUN);
    // More ranks than cores take turns, and a rank's threads may use every core that it is given.
    command.arg("-n").arg(ranks.to_string()).args(["--oversubscribe", "--bind-to", "none"]);
    if rustix::process::geteuid().is_root() {
        // Who runs pipe as root, as in a container, has decided that already.
        command.arg("--allow-run-as-root");
    }
    command.arg(worker).arg("rank");
    command
}

fn command(launch: &LaunchSpec, supervisor: &Path) -> (Command, Vec<u8>) {
    match &launch.program {
        LaunchProgram::Worker { worker, spec } => {
            let command = worker_command(worker, launch.resources.ranks);
            let mut line = serde_json::to_vec(&Request::new(spec)).unwrap_or_default();
            line.push(b'\n');
            (command, line)
        }
        LaunchProgram::Command { arguments } => {
            let mut command = Command::new(supervisor);
            command.arg("supervise");
            if let Some(checkpoint) = &launch.checkpoint {
                command.arg("--checkpoint").arg(checkpoint);
            }
            command.arg("--").args(arguments).current_dir(&launch.folder);
            (command, Vec::new())
        }
    }
}
