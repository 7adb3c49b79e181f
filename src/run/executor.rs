//! Running one stage: a process, its events, and the keeping of what it made.

use crate::error::{Error, Result};
use crate::names::{Label, PortName, StageName};
use crate::plan::Job;
use crate::store::{Action, Artifact, FORMAT, FileLock, Provenance, Store, Witness};
use contract::{Event, Failure, FailureKind, Spec};
use fs_err as fs;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// All that an executor needs to run one stage.
#[derive(Debug)]
pub(crate) struct Order {
    /// The stage's name in the pipeline.
    pub(crate) stage: StageName,
    /// What is to be made, and its key.
    pub(crate) job: Job,
    /// What the stage is told, but for the folders to write to.
    pub(crate) spec: Spec,
    /// The outputs that it declares.
    pub(crate) ports: Vec<PortName>,
    /// An empty folder to write in.
    pub(crate) scratch: PathBuf,
    /// The file for its log.
    pub(crate) log: PathBuf,
    /// The worker.
    pub(crate) worker: PathBuf,
    /// Files and folders outside the store that it reads, as they were when their digests were taken.
    pub(crate) outside: Vec<Witness>,
    /// The run, for the record.
    pub(crate) run: String,
    /// The machine's name, for the record.
    pub(crate) host: String,
    /// The right to run this key, held until the result is kept.
    pub(crate) lease: FileLock,
}

/// What an executor tells the dispatcher.
#[derive(Debug)]
pub(crate) enum Word {
    /// The stage said something.
    Said(Event),
    /// The stage ended, and its result is kept or it failed.
    Ended(Box<Result<Finished>>),
}

/// A stage's kept result.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The record.
    pub(crate) action: Action,
    /// Whether this key led to something else before: the stage is not reproducible.
    pub(crate) differs: bool,
}

/// The hold on a running stage. Letting go of its input tells the worker to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold(Arc<Mutex<Grip>>);

#[derive(Debug, Default)]
struct Grip {
    /// The worker's input and process while it runs.
    worker: Option<(ChildStdin, u32)>,
    /// Whether the stage is to end, or never to begin.
    stopped: bool,
}

impl Hold {
    /// Asks the worker to end, and ends it when it has not after a moment.
    pub(crate) fn stop(&self) {
        let Ok(mut grip) = self.0.lock() else { return };
        grip.stopped = true;
        if let Some((stdin, process)) = grip.worker.take() {
            drop(stdin);
            let hold = Arc::downgrade(&self.0);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(2));
                // The executor lets go of the hold once the worker is gone, and its number may then be another's.
                let still_running = hold.upgrade().is_some();
                if let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw)
                    && still_running
                {
                    rustix::process::kill_process(process, rustix::process::Signal::KILL).ok();
                }
            });
        }
    }

    /// Takes hold of a worker that has just begun; lets go at once when the stage is to end.
    fn take(&self, stdin: Option<ChildStdin>, process: u32) {
        if let Ok(mut grip) = self.0.lock()
            && !grip.stopped
        {
            grip.worker = stdin.map(|stdin| (stdin, process));
        }
    }

    /// Lets go of a worker that has ended. Says whether it was stopped.
    fn let_go(&self) -> bool {
        self.0.lock().is_ok_and(|mut grip| {
            grip.worker = None;
            grip.stopped
        })
    }
}

/// Runs a stage to its end and tells `words` about it.
pub(crate) fn execute(order: Order, store: &Store, hold: &Hold, words: &Sender<(StageName, Word)>) {
    let stage = order.stage.clone();
    let tell = |word| {
        // The dispatcher may have gone after an interrupt.
        drop(words.send((stage.clone(), word)));
    };
    let ended = Execution { order: &order, store }.run(hold, &tell);
    order.lease.remove();
    tell(Word::Ended(Box::new(ended)));
}

struct Execution<'a> {
    order: &'a Order,
    store: &'a Store,
}

impl Execution<'_> {
    fn run(&self, hold: &Hold, tell: &dyn Fn(Word)) -> Result<Finished> {
        let order = self.order;
        let folders: BTreeMap<String, PathBuf> =
            order.ports.iter().map(|port| (port.to_string(), order.scratch.join(port.as_str()))).collect();
        for folder in folders.values() {
            fs::create_dir_all(folder).map_err(|error| Error::io("writing", folder, error))?;
        }
        let spec = Spec { outputs: folders.clone(), ..order.spec.clone() };
        let (started, clock) = (super::record::now(), Instant::now());
        let peak_memory = self.work(&spec, hold, tell)?;
        for input in &order.outside {
            if let Some(path) = input.moved()? {
                return Err(Error::InputMoved { stage: order.stage.to_string(), path });
            }
        }
        let provenance = Provenance {
            run: order.run.clone(),
            started,
            seconds: clock.elapsed().as_secs_f64(),
            host: order.host.clone(),
            threads: spec.threads,
            device: spec.device.clone(),
            peak_memory,
        };
        self.keep(&folders, provenance)
    }

    /// Starts the worker, listens to it, and waits for its end. Returns its peak memory as last seen, in bytes.
    fn work(&self, spec: &Spec, hold: &Hold, tell: &dyn Fn(Word)) -> Result<Option<u64>> {
        let mut child = self.start(spec)?;
        let stdout = child.stdout.take();
        let process = child.id();
        let mut stdin = child.stdin.take();
        if let Some(stdin) = &mut stdin {
            let line = serde_json::to_string(spec).unwrap_or_default();
            // A worker that is gone already is found by its exit status.
            drop(writeln!(stdin, "{line}").and_then(|()| stdin.flush()));
        }
        hold.take(stdin, process);
        let (mut failure, mut done, mut memory) = (None, false, None);
        for line in
            stdout.map(BufReader::new).into_iter().flat_map(|lines| lines.lines().map_while(std::io::Result::ok))
        {
            memory = peak_memory(process).or(memory);
            match serde_json::from_str(&line) {
                Ok(Event::Failed { failure: said }) => failure = Some(said),
                Ok(Event::Done) => done = true,
                Ok(event) => {
                    self.log(&event);
                    tell(Word::Said(event));
                }
                Err(_) => self.log(&Event::Log { message: line }),
            }
        }
        let status = child.wait().map_err(|error| Error::io("waiting for", &self.order.worker, error))?;
        let stopped = hold.let_go();
        match failure {
            _ if stopped => Err(Error::Interrupted),
            Some(failure) => Err(self.failed(failure)),
            None if done && status.success() => Ok(memory),
            None => Err(self.ended(status)),
        }
    }

    fn start(&self, spec: &Spec) -> Result<Child> {
        let order = self.order;
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&order.log)
            .map_err(|error| Error::io("writing", &order.log, error))?;
        let threads = spec.threads.to_string();
        Command::new(&order.worker)
            .arg("stage")
            // Threads that spin while they wait slow down every other process on the machine.
            .env("OMP_WAIT_POLICY", "passive")
            .env("OMP_NUM_THREADS", &threads)
            .env("MKL_NUM_THREADS", &threads)
            .env("RAYON_NUM_THREADS", &threads)
            .env("POLARS_MAX_THREADS", &threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log.into_parts().0))
            .process_group(0)
            .spawn()
            .map_err(|error| Error::Worker {
                message: format!("the worker {} cannot be started: {error}", order.worker.display()),
                hint: "build it again with `cargo build`".to_owned(),
            })
    }

    fn log(&self, event: &Event) {
        if let Event::Log { message } = event
            && let Ok(mut log) = fs::OpenOptions::new().create(true).append(true).open(&self.order.log)
        {
            drop(writeln!(log, "{message}"));
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        self.log(&Event::Log { message: format!("error: {failure}") });
        Error::Stage { stage: self.order.stage.to_string(), failure, log: self.order.log.clone() }
    }

    /// An end without a word.
    fn ended(&self, status: ExitStatus) -> Error {
        let stage = self.order.stage.to_string();
        let log = self.order.log.clone();
        match status.signal() {
            Some(signal) => Error::Killed { stage, how: format!("signal {signal}"), log },
            None => {
                let message = format!("the worker ended with {status} and said nothing");
                Error::Stage { stage, failure: Failure::new(FailureKind::Stage, message), log }
            }
        }
    }

    fn keep(&self, folders: &BTreeMap<String, PathBuf>, provenance: Provenance) -> Result<Finished> {
        let order = self.order;
        let mut outputs = BTreeMap::new();
        for (port, folder) in folders {
            let artifact: Artifact = self.store.seal(folder)?.map_err(|message| Error::Contract {
                stage: order.stage.to_string(),
                message: format!("output '{port}': {message}"),
            })?;
            outputs.insert(PortName::new(port), artifact);
        }
        if order.job.damaged.is_some() || matches!(order.job.reason, crate::plan::Reason::Damaged(_)) {
            self.store.set_aside(order.job.key, order.job.damaged)?;
        }
        for (port, artifact) in &outputs {
            self.store.keep(&folders[port.as_str()], artifact)?;
        }
        let action =
            Action { format: FORMAT, key: order.job.key, manifest: order.job.manifest.clone(), outputs, provenance };
        let differs = self.store.record(&action)?.is_some();
        Ok(Finished { action, differs })
    }
}

/// The most memory that a process has had so far, in bytes, where the system tells.
fn peak_memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// The inputs of a spec: each port's paths by label.
pub(crate) type Inputs = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Adds a path to the inputs of a spec.
pub(crate) fn add_input(inputs: &mut Inputs, port: &PortName, label: &Label, path: PathBuf) {
    inputs.entry(port.to_string()).or_default().insert(label.as_str().to_owned(), path);
}
