//! Lists decoded live: requests wait in a bounded queue for one resident worker, which decodes those that wait together.

mod process;

use crate::metrics::Metrics;
use contract::questions::{Decode, DecodeRequest};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// A list that was decoded, with scores, best first.
pub(crate) type Decoded = Vec<(u32, f32)>;

/// What is decoded for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The items, oldest first.
    pub(crate) history: Vec<u32>,
    /// Items that the list must not have, besides those.
    pub(crate) exclude: Vec<u32>,
    /// How many items at most.
    pub(crate) count: usize,
}

/// Why no list was decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// Too many requests wait.
    #[error("{0} requests wait for the decoder already")]
    QueueFull(usize),
    /// The time is over.
    #[error("the list was not decoded within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The worker ended while it had the request.
    #[error("the decoder ended while it had the request; it is started again")]
    Lost,
    /// The worker refuses the request.
    #[error("{0}")]
    Refused(String),
}

/// A request on its way to the worker.
#[derive(Debug)]
struct Job {
    request: DecodeRequest,
    until: Instant,
    answer: oneshot::Sender<Result<Decoded, DecodeError>>,
}

/// The resident worker of one result. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Decoder {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    capacity: usize,
    deadline: Duration,
    is_ready: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

/// How a decoder runs.
#[derive(Clone, Debug)]
pub(crate) struct DecoderSettings {
    /// The worker's program.
    pub(crate) worker: PathBuf,
    /// How many requests may wait, those being decoded included.
    pub(crate) capacity: usize,
    /// How long a request may take.
    pub(crate) deadline: Duration,
}

impl Decoder {
    /// Starts the worker, and starts it again whenever it ends.
    pub(crate) fn start(settings: DecoderSettings, request: Decode, metrics: &Arc<Metrics>) -> Self {
        let (jobs, waiting) = mpsc::channel(settings.capacity);
        let is_ready = Arc::new(AtomicBool::new(false));
        let room = Arc::new(Semaphore::new(settings.capacity));
        tokio::spawn(process::supervise(settings.worker, request, waiting, Arc::clone(&is_ready), Arc::clone(metrics)));
        let DecoderSettings { capacity, deadline, .. } = settings;
        Self { jobs, room, capacity, deadline, is_ready, metrics: Arc::clone(metrics) }
    }

    /// Whether the model is loaded.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    /// The list of a history.
    ///
    /// # Errors
    /// When too many wait, the deadline passes, or the worker ends or refuses.
    pub(crate) async fn decode(&self, asked: Asked) -> Result<Decoded, DecodeError> {
        let room = self.room.try_acquire().map_err(|_| DecodeError::QueueFull(self.capacity))?;
        let _waiting = self.metrics.waiting();
        let (answer, answered) = oneshot::channel();
        let Asked { history, exclude, count } = asked;
        let deadline_ms = self.deadline.as_millis() as u64;
        // The process gives it its number.
        let request = DecodeRequest { id: 0, history, exclude, count, deadline_ms };
        let job = Job { request, until: Instant::now() + self.deadline, answer };
        self.jobs.send(job).await.map_err(|_| DecodeError::Lost)?;
        let decoded = match tokio::time::timeout(self.deadline, answered).await {
            Ok(answer) => answer.unwrap_or(Err(DecodeError::Lost)),
            Err(_) => Err(DecodeError::Deadline(self.deadline)),
        };
        drop(room);
        decoded
    }
}
