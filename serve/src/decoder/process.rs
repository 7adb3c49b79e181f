//! The worker's process: started, fed with requests, listened to, and started again when it ends.

use super::{DecodeError, Decoded, Job};
use crate::metrics::Metrics;
use contract::questions::{Decode, DecodeEvent, Question as _, Request};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};

/// How long to wait before the worker is started again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// A worker that ran this long had started well.
const STEADY: Duration = Duration::from_secs(10);

/// Requests that the worker has, by number.
type Pending = HashMap<u64, oneshot::Sender<Result<Decoded, DecodeError>>>;

/// Keeps a worker running until nobody can send jobs any more.
pub(super) async fn supervise(
    worker: PathBuf,
    request: Decode,
    mut jobs: mpsc::Receiver<Job>,
    is_ready: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
) {
    let mut pause = PAUSE.0;
    loop {
        let start = Instant::now();
        let ended = run(&worker, &request, &mut jobs, &is_ready, &metrics).await;
        is_ready.store(false, Ordering::Relaxed);
        match ended {
            Ok(()) => return,
            Err(reason) => tracing::error!("the decoder ended: {reason}"),
        }
        metrics.decoder_restarts.inc();
        pause = if start.elapsed() > STEADY { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
        // Jobs wait meanwhile; their deadline answers them when it takes too long.
        tokio::time::sleep(pause).await;
        if jobs.is_closed() && jobs.is_empty() {
            return;
        }
    }
}

/// Runs one worker to its end: `Ok` when no more jobs can come.
async fn run(
    worker: &Path,
    request: &Decode,
    jobs: &mut mpsc::Receiver<Job>,
    is_ready: &AtomicBool,
    metrics: &Metrics,
) -> Result<(), String> {
    let mut process = Process::start(worker, request).await?;
    let mut pending = Pending::new();
    let mut next = 0;
    // Until the model is loaded, jobs wait in the queue.
    while !is_ready.load(Ordering::Relaxed) {
        tokio::select! {
            line = process.lines.next_line() => take(line, &mut pending, is_ready, metrics)?,
            () = closed(jobs) => return Ok(()),
        }
    }
    loop {
        tokio::select! {
            job = jobs.recv() => {
                let Some(Job { mut request, until, answer }) = job else { return Ok(()) };
                let left = until.saturating_duration_since(Instant::now());
                if answer.is_closed() || left.is_zero() {
                    continue;
                }
                next += 1;
                (request.id, request.deadline_ms) = (next, left.as_millis() as u64);
                pending.retain(|_, answer| !answer.is_closed());
                pending.insert(next, answer);
                process.send(&request).await?;
            }
            line = process.lines.next_line() => take(line, &mut pending, is_ready, metrics)?,
        }
    }
}

/// Returns when nobody can send jobs any more.
async fn closed(jobs: &mpsc::Receiver<Job>) {
    while !jobs.is_closed() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes a line of the worker's.
fn take(
    line: std::io::Result<Option<String>>,
    pending: &mut Pending,
    is_ready: &AtomicBool,
    metrics: &Metrics,
) -> Result<(), String> {
    let line = line.map_err(|error| error.to_string())?.ok_or("its output closed")?;
    let event = serde_json::from_str(&line).map_err(|error| format!("it printed no event ({error}): {line}"))?;
    // Whoever asked may have gone.
    let mut answer = |id: u64, answer| drop(pending.remove(&id).map(|waiting| waiting.send(answer)));
    match event {
        DecodeEvent::Ready => {
            is_ready.store(true, Ordering::Relaxed);
            tracing::info!("the decoder is ready");
        }
        DecodeEvent::Log { message } => tracing::info!("decoder: {message}"),
        DecodeEvent::Decoded { id, items, batch } => {
            metrics.decoder_batch.observe(batch as f64);
            answer(id, Ok(items));
        }
        DecodeEvent::Expired { id } => answer(id, Err(DecodeError::Deadline(Duration::ZERO))),
        DecodeEvent::Refused { id, failure } => answer(id, Err(DecodeError::Refused(failure.message))),
        DecodeEvent::Failed { failure } => return Err(failure.message),
    }
    Ok(())
}

/// A running worker; it is killed when this is dropped.
struct Process {
    _child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    async fn start(worker: &Path, request: &Decode) -> Result<Self, String> {
        let mut command = Command::new(worker);
        command.arg(Decode::NAME).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("{} cannot be started: {error}", worker.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no standard input and output".to_owned());
        };
        tracing::info!(pid = child.id(), "the decoder is starting");
        let mut process = Self { _child: child, input, lines: BufReader::new(output).lines() };
        process.send(&Request::new(request)).await?;
        Ok(process)
    }

    async fn send(&mut self, value: &impl serde::Serialize) -> Result<(), String> {
        let mut line = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        line.push(b'\n');
        self.input.write_all(&line).await.map_err(|error| format!("it does not read: {error}"))
    }
}
