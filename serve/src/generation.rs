//! What is served at one time: a result, its store, its items, its decoder. A reload replaces it as a whole.

use crate::arguments::Arguments;
use crate::catalogue::Catalogue;
use crate::decoder::{Decoder, DecoderSettings};
use crate::metrics::Metrics;
use crate::store::{OnlineStore, StoreError};
use contract::questions::{Decode, PROTOCOL, Service};
use std::process::Command;
use std::sync::{Arc, PoisonError, RwLock};

/// A result that is served.
#[derive(Debug)]
pub(crate) struct Generation {
    /// Which result it is.
    pub(crate) service: Service,
    /// Users and lists.
    pub(crate) store: OnlineStore,
    /// Items.
    pub(crate) catalogue: Catalogue,
    /// The resident worker; none where lists cannot be decoded, with the reason.
    pub(crate) decoder: Result<Decoder, String>,
}

/// Why nothing new can be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The command that says what to serve failed.
    #[error("{command} failed: {message}")]
    Resolve {
        /// The command.
        command: String,
        /// What it printed.
        message: String,
    },
    /// `pipe` is of another version.
    #[error("pipe has protocol {found}, expected {PROTOCOL}; build pipe and pipe-serve from the same sources")]
    Protocol {
        /// Its version.
        found: u32,
    },
    /// The store cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks the runner what to serve.
///
/// # Errors
/// When the command fails or answers in another form.
pub(crate) fn resolve(arguments: &Arguments) -> Result<Service, LoadError> {
    let command = arguments.resolve.join(" ".as_ref()).to_string_lossy().into_owned();
    let failed = |message: String| LoadError::Resolve { command: command.clone(), message };
    let Some((program, words)) = arguments.resolve.split_first() else { return Err(failed("it is empty".to_owned())) };
    let output = Command::new(program).args(words).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())));
    }
    // The version is read first: another one may have another form.
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let found = value["protocol"].as_u64().unwrap_or(0) as u32;
    if found != PROTOCOL {
        return Err(LoadError::Protocol { found });
    }
    serde_json::from_value(value).map_err(|error| failed(error.to_string()))
}

impl Generation {
    /// Opens what serves a result. This takes as long as the store takes to be made and checked.
    ///
    /// # Errors
    /// When the store cannot be made.
    pub(crate) fn load(service: Service, arguments: &Arguments, metrics: &Arc<Metrics>) -> Result<Self, LoadError> {
        let (store, items) = OnlineStore::open(&service, arguments.cache << 20)?;
        let catalogue = Catalogue::new(items, store.head());
        let decoder = match &store.head().not_live {
            Some(reason) => Err(reason.clone()),
            None if arguments.no_decoder => Err("the server was started with --no-decoder".to_owned()),
            None => Ok(decoder(&service, arguments, metrics)),
        };
        Ok(Self { service, store, catalogue, decoder })
    }
}

fn decoder(service: &Service, arguments: &Arguments, metrics: &Arc<Metrics>) -> Decoder {
    let request = Decode {
        stage: service.stage.clone(),
        new_items: service.new_items.clone(),
        device: arguments.device.clone(),
        threads: arguments.decoder_threads,
        batch: arguments.batch.max(1),
    };
    let (worker, deadline) = (service.worker.clone(), arguments.deadline());
    Decoder::start(DecoderSettings { worker, capacity: arguments.queue.max(1), deadline }, request, metrics)
}

/// What is served now; requests that began keep what they began with.
#[derive(Debug, Default)]
pub(crate) struct Current(RwLock<Option<Arc<Generation>>>);

impl Current {
    /// What is served now; none before the first result is loaded.
    pub(crate) fn get(&self) -> Option<Arc<Generation>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves this from now on, and gives what was served before.
    pub(crate) fn replace(&self, generation: Generation) -> Option<Arc<Generation>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::new(generation))
    }
}
