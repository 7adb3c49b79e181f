//! Taking up the lists of a new run: on SIGHUP, and when the link to the newest lists changes.

use crate::app::App;
use crate::generation::{Generation, LoadError, resolve};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Loads the first result.
///
/// # Errors
/// When there is none.
pub(crate) async fn first(app: &Arc<App>) -> Result<(), LoadError> {
    let app = Arc::clone(app);
    blocking(move || {
        let service = resolve(&app.arguments)?;
        let generation = Generation::load(service, &app.arguments, &app.metrics)?;
        drop(app.current.replace(generation));
        Ok(())
    })
    .await
}

/// Looks for new results until the process ends.
pub(crate) async fn watch(app: Arc<App>) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be received, so results are not reloaded");
        return;
    };
    let every = Duration::from_millis(app.arguments.watch_ms.max(50));
    let mut seen = link(&app);
    loop {
        tokio::select! {
            _ = hangups.recv() => {}
            () = tokio::time::sleep(every), if app.arguments.watch_ms > 0 => {
                if link(&app) == seen {
                    continue;
                }
            }
        }
        seen = link(&app);
        let started = Arc::clone(&app);
        match blocking(move || reload(&started)).await {
            Ok(true) => app.metrics.reload("changed"),
            Ok(false) => app.metrics.reload("unchanged"),
            Err(error) => {
                app.metrics.reload("failed");
                tracing::error!("the lists were not reloaded, and those before are served on: {error}");
            }
        }
    }
}

/// Serves the newest result, if it is another one.
fn reload(app: &App) -> Result<bool, LoadError> {
    let service = resolve(&app.arguments)?;
    if app.current.get().is_some_and(|now| now.service.content == service.content) {
        return Ok(false);
    }
    let generation = Generation::load(service, &app.arguments, &app.metrics)?;
    tracing::info!(run = generation.service.run, "new lists are served");
    drop(app.current.replace(generation));
    Ok(true)
}

/// Where the link to the newest lists leads.
fn link(app: &App) -> Option<PathBuf> {
    let current = app.current.get()?;
    std::fs::read_link(Path::new(&current.service.watch)).ok()
}

/// Does work that waits for files and processes.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let failed = |error: tokio::task::JoinError| LoadError::Resolve {
        command: "loading".to_owned(),
        message: error.to_string(),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(failed(error)))
}
