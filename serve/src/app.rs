//! What all requests share.

use crate::arguments::Arguments;
use crate::generation::{Current, Generation};
use crate::http::{PATHS, Problem, ProblemKind};
use crate::metrics::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The server's state.
#[derive(Debug)]
pub(crate) struct App {
    /// The command line.
    pub(crate) arguments: Arguments,
    /// The digest of the bearer token, where one is needed.
    pub(crate) token: Option<blake3::Hash>,
    /// What is served.
    pub(crate) current: Current,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    started: u64,
    requests: AtomicU64,
}

impl App {
    /// Reads the token.
    ///
    /// # Errors
    /// When its file cannot be read or is empty.
    pub(crate) fn new(arguments: Arguments) -> Result<Self, String> {
        let token = match &arguments.token_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let token = text.trim();
                if token.is_empty() {
                    return Err(format!("{} is empty, expected a token", path.display()));
                }
                Some(blake3::hash(token.as_bytes()))
            }
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64);
        let (current, metrics) = (Current::default(), Arc::new(Metrics::new(&PATHS)));
        Ok(Self { arguments, token, current, metrics, started, requests: AtomicU64::new(0) })
    }

    /// What is served now.
    ///
    /// # Errors
    /// Before the first result is loaded.
    pub(crate) fn generation(&self) -> Result<Arc<Generation>, Problem> {
        self.current.get().ok_or_else(|| Problem::new(ProblemKind::NotReady, "the lists are being loaded"))
    }

    /// A name for a request that brings none.
    pub(crate) fn request_id(&self) -> String {
        format!("{:x}-{:x}", self.started, self.requests.fetch_add(1, Ordering::Relaxed))
    }
}
