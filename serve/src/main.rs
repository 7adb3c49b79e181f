//! `pipe-serve` answers over HTTP from the results of a pipeline; `pipe serve` starts it.

mod app;
mod arguments;
mod catalogue;
mod connections;
mod decoder;
mod generation;
mod histogram;
mod http;
mod metrics;
mod page;
mod recommending;
mod reload;
mod store;

use app::App;
use arguments::Arguments;
use clap::Parser as _;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Gives back what opening a store and exchanging one have freed, which the C library's heap keeps.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The server could not start.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PIPE_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(arguments.threads.max(1)).enable_all().build();
    let served = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(serve(arguments)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::from(FAILED)
        }
    }
}

/// Serves until SIGTERM or SIGINT, then answers what was begun.
async fn serve(arguments: Arguments) -> Result<(), String> {
    let app = Arc::new(App::new(arguments)?);
    let listen = app.arguments.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    tracing::info!(address = %address, "listening");
    if !address.ip().is_loopback() && app.token.is_none() {
        tracing::warn!("{address} is not loopback and no --token-file is given: whoever reaches it can read it");
    }
    let accepting = tokio::spawn(connections::accept(listener, Arc::clone(&app), stop()?));
    reload::first(&app).await.map_err(|error| error.to_string())?;
    tracing::info!("ready");
    let watching = tokio::spawn(reload::watch(Arc::clone(&app)));
    accepting.await.map_err(|error| error.to_string())?;
    watching.abort();
    Ok(())
}

/// Returns when the process is to stop.
fn stop() -> Result<impl Future<Output = ()>, String> {
    let listen = |kind| signal(kind).map_err(|error| format!("cannot receive signals: {error}"));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}
