//! The process `pipe-remote`, which knows object storage: started with the first request, asked by several threads at once.

use crate::error::{Error, Result};
use remote_protocol::{Answer, Message, PROTOCOL, Request, read, write};
use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a request came to: an answer and its bytes.
pub(crate) type Answered = (Answer, Vec<u8>);

/// A program that is asked, and the one process of it.
#[derive(Debug)]
pub(crate) struct Client {
    program: PathBuf,
    url: String,
    writer: String,
    process: Mutex<Option<Process>>,
}

/// The process. It ends when its standard input closes, and gives its leases back then.
#[derive(Debug)]
struct Process {
    input: ChildStdin,
    next: u64,
    waiting: Arc<Mutex<Waiting>>,
}

/// Who waits for which answer.
#[derive(Debug, Default)]
struct Waiting {
    senders: BTreeMap<u64, Sender<Answered>>,
    /// No more answers come.
    is_over: bool,
}

impl Client {
    pub(crate) fn new(program: PathBuf, url: String, writer: String) -> Self {
        Self { program, url, writer, process: Mutex::new(None) }
    }

    /// Asks, and waits for the answer. A process that has gone is started once more.
    ///
    /// # Errors
    /// When the program cannot be started, or `None` when it ends without an answer.
    pub(crate) fn ask(&self, request: impl Fn() -> Request, body: &[u8]) -> Result<Option<Answered>> {
        for _ in 0..2 {
            if let Some(answered) = self.send(request(), body)?.and_then(|answer| answer.recv().ok()) {
                return Ok(Some(answered));
            }
        }
        Ok(None)
    }

    /// Sends a request. `None` when the process has gone.
    fn send(&self, request: Request, body: &[u8]) -> Result<Option<Receiver<Answered>>> {
        let mut process = lock(&self.process);
        let has_gone = process.as_ref().is_none_or(|process| lock(&process.waiting).is_over);
        if has_gone {
            *process = Some(Process::start(&self.program, &self.url, &self.writer)?);
        }
        let Some(started) = process.as_mut() else { return Ok(None) };
        let (sender, answer) = channel();
        let id = started.next;
        started.next += 1;
        lock(&started.waiting).senders.insert(id, sender);
        let sent = write(&mut started.input, &Message { id, content: request, body: body.to_vec() });
        match sent {
            Ok(()) => Ok(Some(answer)),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                *process = None;
                Ok(None)
            }
            // A path that is not UTF-8 cannot be sent.
            Err(error) => Err(Error::io("asking", &self.program, error)),
        }
    }
}

impl Process {
    fn start(program: &Path, url: &str, writer: &str) -> Result<Self> {
        const HINT: &str = "build it with `make build`, or name it with PIPE_REMOTE_PROGRAM";
        if !program.is_file() {
            let message = format!("a remote is set, and there is no {}", program.display());
            return Err(Error::Worker { message, hint: HINT.to_owned() });
        }
        let mut command = Command::new(program);
        command.arg(PROTOCOL.to_string()).arg(url).arg(writer);
        // Ctrl-C is for the runner, which still has results to give away.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Error::starting(program, &error, HINT))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Internal("a process has no pipes".to_owned()));
        };
        let waiting: Arc<Mutex<Waiting>> = Arc::default();
        let for_reader = Arc::clone(&waiting);
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Ok(Some(Message { id, content, body })) = read(&mut output) {
                let waits = lock(&for_reader).senders.remove(&id);
                // Whoever asked may have gone.
                drop(waits.map(|sender| sender.send((content, body))));
            }
            let mut waiting = lock(&for_reader);
            waiting.is_over = true;
            waiting.senders.clear();
            drop(waiting);
            drop(child.wait());
        });
        Ok(Self { input, next: 0, waiting })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
